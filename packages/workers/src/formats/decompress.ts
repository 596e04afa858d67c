import { pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { MillraceError, type OpenObject } from "@millrace/core";
import type { ParseLimits } from "./limits.js";
import { alignedZstdFrames } from "./zstd-frames.js";

/** How an object is compressed as a whole. */
export type Compression = "gzip" | "zstd";

/**
 * The object's bytes, decompressed. Several members or frames in a row are one stream; zeros after gzip are padding.
 * @throws E_OBJECT_COMPRESSION when the stream is damaged, truncated, followed by garbage, or expands beyond measure
 */
export async function* decompress(
  object: OpenObject,
  compression: Compression,
  limits: ParseLimits,
): AsyncGenerator<Uint8Array> {
  let sourceError: unknown;
  const stored = remembering(object.stream(), (error) => {
    sourceError = error;
  });
  const decoder = compression === "gzip" ? createGunzip() : createZstdDecompress();
  const source = Readable.from(compression === "gzip" ? stored : alignedZstdFrames(stored));
  pipeline(source, decoder, () => undefined);
  let bytes = 0;
  try {
    for await (const chunk of decoder as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > limits.maxObjectBytes && bytes > object.bytes * limits.maxExpansion) {
        throw compressionError(object.key, `it expands more than ${limits.maxExpansion} times`, undefined);
      }
      yield chunk;
    }
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    if (error instanceof MillraceError) throw error;
    throw compressionError(object.key, reasonOf(error, compression), error);
  }
}

/** Tells apart what reading threw from what decompressing threw. */
async function* remembering(
  stream: AsyncIterable<Uint8Array>,
  remember: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    remember(error);
    throw error;
  }
}

function reasonOf(error: unknown, compression: Compression): string {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  if (code === "Z_BUF_ERROR") return "the gzip stream is truncated";
  if (message === "incorrect data check") return "the gzip checksum is wrong";
  return `the ${compression} stream is damaged (${message})`;
}

function compressionError(key: string, why: string, cause: unknown): MillraceError {
  return new MillraceError("E_OBJECT_COMPRESSION", `"${key}" cannot be decompressed`, {
    why,
    fix: "Make or copy the file again.",
    cause,
  });
}
