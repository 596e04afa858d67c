import type { ArenaShape } from "../decoding/arena.js";
import type { Arena, Decoder } from "./decoder.js";

/** A run that is done. */
export interface DecoderRun {
  /** `prefill` reads a piece of one prompt, or whole ones with an encoder, `decode` computes a token for each row. */
  readonly kind: "prefill" | "decode";
  /** Of the piece, or rows that got a token. */
  readonly tokens: number;
  readonly seconds: number;
}

/** Hears what a decoder does. */
export interface DecoderListener {
  ran(run: DecoderRun): void;
  /** An arena was opened, or closed where the shape is undefined. */
  opened(shape: ArenaShape | undefined): void;
}

/** The same decoder, telling of each run. */
export function observedDecoder(decoder: Decoder, listener: DecoderListener): Decoder {
  const { vocabularySize, start, lanes } = decoder;
  return {
    vocabularySize,
    ...(start !== undefined && { start }),
    lanes,
    async openArena(shape) {
      const arena = await decoder.openArena(shape);
      listener.opened(shape);
      return observedArena(arena, listener);
    },
    close: () => decoder.close(),
  };
}

function observedArena(arena: Arena, listener: DecoderListener): Arena {
  const timed = async <Result>(kind: DecoderRun["kind"], tokens: number, run: () => Promise<Result>) => {
    const startedAt = performance.now();
    const result = await run();
    listener.ran({ kind, tokens, seconds: (performance.now() - startedAt) / 1000 });
    return result;
  };
  return {
    slots: arena.slots,
    capacity: arena.capacity,
    sources: arena.sources,
    copy: (...args) => arena.copy(...args),
    encode(sources, slots) {
      const tokens = sources.reduce((sum, { length }) => sum + length, 0);
      return timed("prefill", tokens, () => arena.encode(sources, slots));
    },
    prefill: (ids, ...args) => timed("prefill", ids.length, () => arena.prefill(ids, ...args)),
    decode: (ids, ...args) => timed("decode", ids.length, () => arena.decode(ids, ...args)),
    async close() {
      listener.opened(undefined);
      await arena.close();
    },
  };
}
