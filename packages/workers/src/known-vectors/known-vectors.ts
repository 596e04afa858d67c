import { createHash } from "node:crypto";

/** Vectors that were encoded before, by keys of `vectorKey`, between runs. */
export interface VectorCache {
  get(key: Buffer): Float32Array | undefined;
  /** May be lost by a killed process; whatever is found again is whole. */
  put(key: Buffer, vector: Float32Array): void;
  /** Waits until all that was put is stored. */
  close(): Promise<void>;
}

/** What decides a vector: the compiled graph, by its sha256, and the token ids. 16 bytes. */
export function vectorKey(graph: string, ids: Int32Array): Buffer {
  const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
  return createHash("sha256").update(graph).update(bytes).digest().subarray(0, 16);
}

/** Bytes of vectors that a run remembers by itself: enough for what a corpus repeats within some thousand chunks. */
const rememberedBytes = 32 * 2 ** 20;

/**
 * What a run need not encode again: vectors of the recent past, those that are being encoded just now, and those of
 * earlier runs where there is a cache of them.
 */
export class KnownVectors {
  /** By the key's bytes as text, longest unused first. */
  private readonly recent = new Map<string, Float32Array>();
  private bytes = 0;
  private readonly underWay = new Map<string, Promise<Float32Array | undefined>>();

  constructor(
    /** sha256 of the compiled graph. */
    readonly graph: string,
    private readonly cache?: VectorCache,
    private readonly limit = rememberedBytes,
  ) {}

  /** A vector, one that somebody is about to have, or undefined where the caller is to `claim` it. */
  find(key: Buffer): Float32Array | Promise<Float32Array | undefined> | undefined {
    const name = nameOf(key);
    const vector = this.recent.get(name);
    if (vector === undefined) return this.underWay.get(name) ?? this.fromCache(key);
    this.recent.delete(name);
    this.recent.set(name, vector);
    return vector;
  }

  /** Says that the caller encodes this one. @returns whom to tell: undefined where it failed */
  claim(key: Buffer): (vector: Float32Array | undefined) => void {
    const name = nameOf(key);
    const { promise, resolve } = Promise.withResolvers<Float32Array | undefined>();
    this.underWay.set(name, promise);
    return (vector) => {
      this.underWay.delete(name);
      if (vector !== undefined) {
        this.remember(name, vector);
        this.cache?.put(key, vector);
      }
      resolve(vector);
    };
  }

  async close(): Promise<void> {
    await this.cache?.close();
  }

  private fromCache(key: Buffer): Float32Array | undefined {
    const vector = this.cache?.get(key);
    if (vector !== undefined) this.remember(nameOf(key), vector);
    return vector;
  }

  private remember(name: string, vector: Float32Array): void {
    // Two that waited for the same in vain may both have encoded it.
    this.bytes += vector.byteLength - (this.recent.get(name)?.byteLength ?? 0);
    this.recent.set(name, vector);
    for (const [oldest, { byteLength }] of this.recent) {
      if (this.bytes <= this.limit) return;
      this.recent.delete(oldest);
      this.bytes -= byteLength;
    }
  }
}

function nameOf(key: Buffer): string {
  return key.toString("latin1");
}
