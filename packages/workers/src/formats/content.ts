import { MillraceError, type OpenObject, type RowRange } from "@millrace/core";
import { type Compression, decompress } from "./decompress.js";
import { hasCompressionSuffix } from "./extensions.js";
import type { ParseLimits } from "./limits.js";

/** Bytes looked at to tell what a file is. */
const headSize = 64 * 1024;

/** Bytes of one read of a range: few requests where each takes its time, and little to hold. */
const pieceSize = 8 << 20;

/** An object as a format reads it: decompressed. */
export interface Content {
  readonly key: string;
  /** The first bytes, at most 64 KiB; fewer where the compressed stream is damaged that early. */
  readonly head: Buffer;
  /** All bytes from the beginning, as often as it is called. */
  stream(): AsyncIterable<Uint8Array>;
  /** The object itself where it is not compressed, to be read in ranges. */
  readonly stored: OpenObject | undefined;
}

/** Finds out by name and first bytes how an object is compressed. @throws E_OBJECT_COMPRESSION when its name lies. */
export async function openContent(object: OpenObject, limits: ParseLimits): Promise<Content> {
  const stored = asBuffer(await object.read(0, Math.min(headSize, object.bytes)));
  const compression = compressionOf(object.key, stored);
  if (compression === undefined) {
    return { key: object.key, head: stored, stored: object, stream: () => object.stream() };
  }
  const stream = () => decompress(object, compression, limits);
  return { key: object.key, head: await firstBytes(stream()), stored: undefined, stream };
}

/** The stored bytes of a range, in pieces. An object that is compressed has no ranges. */
export async function* rangeStream({ key, stored }: Content, { fromByte, toByte }: RowRange): AsyncGenerator<Buffer> {
  if (stored === undefined) throw new MillraceError("E_INTERNAL", `"${key}" is compressed and was cut into ranges`);
  for (let start = fromByte; start < toByte; start += pieceSize) {
    yield asBuffer(await stored.read(start, Math.min(start + pieceSize, toByte)));
  }
}

/** All bytes in one buffer. @throws E_ROW_TOO_LARGE beyond `maxBytes` */
export async function collect(content: Content, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content.stream()) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(content.key, maxBytes);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? asBuffer(chunks[0] as Uint8Array) : Buffer.concat(chunks);
}

/** The same bytes as a Buffer, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function compressionOf(key: string, head: Buffer): Compression | undefined {
  if (head.length >= 2 && head.readUInt16BE(0) === 0x1f8b) return "gzip";
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) return "zstd";
  if (head.length >= 4 && head.readUInt32LE(0) >>> 4 === 0x184d2a5) return "zstd";
  if (!hasCompressionSuffix(key)) return undefined;
  throw new MillraceError("E_OBJECT_COMPRESSION", `"${key}" cannot be decompressed`, {
    why: head.length === 0 ? "the file is empty" : "it is neither a gzip nor a zstd file",
    fix: "Make it again, or drop the extension if it is not compressed.",
  });
}

async function firstBytes(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= headSize) break;
    }
  } catch (error) {
    // Damage surfaces when the stream is read for good, after the rows before it.
    if (!(error instanceof MillraceError) || error.code !== "E_OBJECT_COMPRESSION") throw error;
  }
  return Buffer.concat(chunks).subarray(0, headSize);
}

function tooLarge(key: string, maxBytes: number): MillraceError {
  return new MillraceError("E_ROW_TOO_LARGE", `"${key}" is left out`, {
    why: `it is larger than ${Math.round(maxBytes / 2 ** 20)} MB`,
    fix: "Split it into smaller files.",
  });
}
