import { freemem } from "node:os";
import type { CompiledGenerator } from "@millrace/compiler";
import { MillraceError } from "@millrace/core";
import { type ArenaLimits, arenaBytes, filledUp, planArena } from "../decoding/arena.js";

/** ONNX Runtime holds weights as they lie in the file and, for its kernels, arranged anew. */
const copiesOfWeights = 2;
/** What is left to the rest of the machine, where nobody says how much keys and values may take. */
const shareOfFreeMemory = 0.5;
const mostByDefault = 4 * 2 ** 30;

type Sizes = Pick<CompiledGenerator, "weightBytes" | "cacheBytesPerToken" | "contextLength" | "leastRows" | "encoder">;

export interface MemoryWishes {
  readonly maximumRows: number;
  /** Bytes for keys and values; by default half of what is free, at most 4 GiB. */
  readonly cacheBytes?: number;
  /** Bytes that are free on this machine. */
  readonly freeBytes?: number;
}

/**
 * Decides before anything is loaded how much keys and values may take.
 * @throws E_MODEL_TOO_LARGE where not even one short row fits beside the weights, saying how much that takes
 */
export function planMemory(
  { weightBytes, cacheBytesPerToken: bytesPerToken, contextLength, leastRows, encoder }: Sizes,
  { maximumRows, cacheBytes, freeBytes = freemem() }: MemoryWishes,
): ArenaLimits {
  const free = Math.max(0, freeBytes - copiesOfWeights * weightBytes);
  const memoryBytes = cacheBytes ?? Math.min(mostByDefault, Math.floor(free * shareOfFreeMemory));
  const { sourceLength = 0 } = encoder ?? {};
  const bytes = { bytesPerToken, bytesPerSource: encoder === undefined ? 0 : bytesPerToken };
  const limits = { ...bytes, memoryBytes, maximumRows, leastRows, contextLength, sourceLength };
  const short = { tokens: Math.min(shortRow, contextLength), sources: Math.min(shortRow, sourceLength), width: 1 };
  const least = { slots: leastRows, capacity: short.tokens, sources: filledUp(short.sources) };
  const needed = copiesOfWeights * weightBytes + arenaBytes(least, bytes);
  if (memoryBytes <= free && planArena(short, limits) !== undefined) return limits;
  throw new MillraceError("E_MODEL_TOO_LARGE", "the model does not fit into this machine's memory", {
    why:
      `its weights take ${gigabytes(copiesOfWeights * weightBytes)} and keys and values ` +
      `${gigabytes(Math.max(cacheBytes ?? 0, needed - copiesOfWeights * weightBytes))}, ${gigabytes(freeBytes)} are free`,
    fix: "Choose a smaller model or precision, give another --kv-memory, or free some memory.",
  });
}

/** Tokens of a row that is worth starting a model for. */
const shortRow = 256;

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
