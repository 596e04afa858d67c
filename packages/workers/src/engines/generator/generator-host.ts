import { type GeneratedRow, type GenerateRequest, MillraceError } from "@millrace/core";
import { serveHost } from "../../hosts/serve.js";
import { loadDetokenizer } from "../../tokenize/load-detokenizer.js";
import type { ArenaLimits } from "../decoding/arena.js";
import { GeneratorLoop } from "./loop.js";
import { type DecoderOptions, openDecoder } from "./open-decoder.js";

export interface GeneratorHostSettings {
  readonly decoder: DecoderOptions;
  readonly tokenizerPath: string;
  /** Of all lanes together. */
  readonly limits: ArenaLimits;
  readonly chunkTokens: number;
  readonly stepTokens: number;
}

/** What a host tells while it works: tokens since it told last; before it ends itself, why. */
export interface GeneratorNote {
  /** Of prompts. */
  readonly read: number;
  readonly generated: number;
  readonly failure?: string;
}

const millisecondsBetweenNotes = 200;
/** As many as are ever sent: the loops decide how many they work on. */
const requestsAtOnce = 1 << 20;

/** The generator host: a process of its own, because a kernel may crash, hang, or block the thread that called it. */
await serveHost<GeneratorHostSettings, GenerateRequest, GeneratedRow>(async (settings, note) => {
  const { limits, chunkTokens, stepTokens, tokenizerPath } = settings;
  const detokenizer = await loadDetokenizer(tokenizerPath);
  const decoder = await openDecoder(settings.decoder);
  const onTokens = summed(note);
  const loops = Array.from(
    { length: decoder.lanes },
    () =>
      new GeneratorLoop({
        decoder,
        detokenizer,
        limits: {
          ...limits,
          memoryBytes: Math.floor(limits.memoryBytes / decoder.lanes),
          maximumRows: Math.ceil(limits.maximumRows / decoder.lanes),
        },
        chunkTokens,
        stepTokens,
        onTokens,
      }),
  );
  const idlest = () => loops.reduce((best, loop) => (loop.size < best.size ? loop : best));
  return {
    facts: null,
    atOnce: requestsAtOnce,
    handle: (request, signal) =>
      idlest()
        .generate(request, signal)
        .catch((error: unknown) => {
          if (error instanceof MillraceError || signal.aborted) throw error;
          return endFor(error, note);
        }),
  };
});

/** A run that fails says nothing of which row is at fault; that shows when they are tried apart, in another host. */
function endFor(error: unknown, note: (last: GeneratorNote) => void): Promise<never> {
  const failure = error instanceof Error ? error.message : String(error);
  note({ read: 0, generated: 0, failure });
  setTimeout(() => process.exit(1), millisecondsToTell);
  return new Promise(() => {});
}

const millisecondsToTell = 100;

/** Adds tokens up and tells them a few times a second. */
function summed(note: (sum: GeneratorNote) => void): (read: number, generated: number) => void {
  let sum: GeneratorNote = { read: 0, generated: 0 };
  let toldAt = 0;
  return (read, generated) => {
    sum = { read: sum.read + read, generated: sum.generated + generated };
    const now = performance.now();
    if (now - toldAt < millisecondsBetweenNotes) return;
    toldAt = now;
    note(sum);
    sum = { read: 0, generated: 0 };
  };
}
