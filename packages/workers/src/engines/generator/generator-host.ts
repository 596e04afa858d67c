import { type GeneratedRow, type GenerateRequest, MillraceError } from "@millrace/core";
import { serveHost } from "../../hosts/serve.js";
import { loadDetokenizer } from "../../tokenize/load-detokenizer.js";
import type { ArenaLimits } from "../decoding/arena.js";
import { GeneratorLoop } from "./loop.js";
import { observedDecoder } from "./observed-decoder.js";
import { type DecoderOptions, openDecoder } from "./open-decoder.js";
import { type GeneratorNote, Teller } from "./teller.js";

export interface GeneratorHostSettings {
  readonly decoder: DecoderOptions;
  readonly tokenizerPath: string;
  /** Of all lanes together. */
  readonly limits: ArenaLimits;
  readonly chunkTokens: number;
  readonly stepTokens: number;
}

/** As many as are ever sent: the loops decide how many they work on. */
const requestsAtOnce = 1 << 20;

/** The generator host: a process of its own, because a kernel may crash, hang, or block the thread that called it. */
await serveHost<GeneratorHostSettings, GenerateRequest, GeneratedRow>(async (settings, note) => {
  const { limits, chunkTokens, stepTokens, tokenizerPath } = settings;
  const detokenizer = await loadDetokenizer(tokenizerPath);
  const teller = new Teller(note);
  const decoder = observedDecoder(await openDecoder(settings.decoder), teller.listener(limits));
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
        onTokens: (read, generated) => teller.add({ read, generated }),
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
