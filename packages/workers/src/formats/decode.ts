import { isUtf8 } from "node:buffer";
import { MillraceError } from "@millrace/core";
import { asBuffer } from "./content.js";

const utf8Mark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Text of a whole file: UTF-8, or UTF-16 with a byte order mark. The mark is left out. @throws E_ROW_ENCODING */
export function decodeText(bytes: Buffer, key: string): string {
  const utf16 = utf16Of(bytes);
  if (utf16 !== undefined) return decodeUtf16(bytes, utf16, key);
  const text = withoutMark(bytes);
  if (isUtf8(text)) return text.toString("utf8");
  throw new MillraceError("E_ROW_ENCODING", `"${key}" is not valid UTF-8`, {
    why: `byte ${firstInvalidByte(bytes)} begins no character`,
    fix: "Convert it to UTF-8.",
  });
}

/** Bytes of a file of rows as UTF-8: a byte order mark is dropped, UTF-16 that begins with one is converted. */
export async function* utf8Stream(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of stream) {
    let bytes = asBuffer(chunk);
    if (head !== undefined) {
      head = Buffer.concat([head, bytes]);
      if (head.length < utf8Mark.length) continue;
      const utf16 = utf16Of(head);
      decoder = utf16 && new TextDecoder(utf16);
      bytes = utf16 === undefined ? withoutMark(head) : head;
      head = undefined;
    }
    yield decoder === undefined ? bytes : Buffer.from(decoder.decode(bytes, { stream: true }));
  }
  if (head !== undefined && head.length > 0) yield head;
  if (decoder !== undefined) yield Buffer.from(decoder.decode());
}

/**
 * Refuses what is no text: NUL bytes or many control characters in the first 8 kB.
 * @throws E_OBJECT_BINARY
 */
export function assertText(head: Buffer, key: string, { allowsNul }: { readonly allowsNul: boolean }): void {
  if (utf16Of(head) !== undefined) return;
  const sample = head.subarray(0, 8192);
  const controls = sample.reduce((count, byte) => count + (isControl(byte) ? 1 : 0), 0);
  if (controls <= sample.length / 10 && (allowsNul || !sample.includes(0))) return;
  throw new MillraceError("E_OBJECT_BINARY", `"${key}" is not text`, {
    why: `its first ${sample.length} bytes hold ${controls} control characters`,
    fix: "Exclude it, or convert it to UTF-8 if it is text.",
  });
}

/** UTF-16 where a byte order mark says so. */
export function utf16Of(bytes: Buffer): "utf-16le" | "utf-16be" | undefined {
  if (bytes.length < 2) return undefined;
  const mark = bytes.readUInt16BE(0);
  return mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : undefined;
}

function decodeUtf16(bytes: Buffer, encoding: "utf-16le" | "utf-16be", key: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new MillraceError("E_ROW_ENCODING", `"${key}" is not valid ${encoding.toUpperCase()}`, {
      why: "its byte order mark says so, and a surrogate stands alone or the last byte is missing",
      fix: "Convert it to UTF-8.",
      cause,
    });
  }
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(markLength(bytes));
}

/** Bytes of the UTF-8 mark that a file begins with: 3 or 0. */
export function markLength(head: Buffer): number {
  return utf8Mark.equals(head.subarray(0, utf8Mark.length)) ? utf8Mark.length : 0;
}

/** The decoder puts U+FFFD where bytes are wrong; one that stands in the bytes themselves is none of those. */
export function firstInvalidByte(bytes: Buffer): number {
  const text = bytes.toString("utf8");
  let offset = 0;
  let counted = 0;
  for (let index = text.indexOf("\ufffd"); index >= 0; index = text.indexOf("\ufffd", index + 1)) {
    offset += Buffer.byteLength(text.slice(counted, index));
    if (bytes.toString("hex", offset, offset + 3) !== "efbfbd") return offset;
    counted = index;
  }
  return bytes.length;
}

/** Tab, line feed, vertical tab, form feed, carriage return, backspace and escape are found in text files. */
function isControl(byte: number): boolean {
  return byte < 8 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127;
}
