import { MillraceError } from "@millrace/core";
import { type Dtype, dtypeBytes, isDtype } from "./dtypes.js";

/** Where one tensor lies. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Offset of its first byte after the header. */
  readonly start: number;
  readonly bytes: number;
}

/** The format's own limit on the JSON header. */
export const headerBytesLimit = 100_000_000;

/**
 * Length of the JSON header, from the file's first eight bytes.
 * @throws E_SAFETENSORS when the file cannot hold so much, before anything of that size is allocated.
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  if (prefix.length < 8) throw damaged(file, `it has ${fileBytes} bytes, fewer than the 8 of the header's length`);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > headerBytesLimit) throw damaged(file, `its header claims ${length} bytes, above ${headerBytesLimit}`);
  if (length > fileBytes - 8) throw damaged(file, `its header claims ${length} bytes, but ${fileBytes - 8} follow`);
  return Number(length);
}

/**
 * Reads and checks a whole header: known dtypes, sizes that equal shape × dtype, tensors that fill the `dataBytes` after
 * the header without gap or overlap, no name twice. @throws E_SAFETENSORS with file, tensor and numbers.
 */
export function parseHeader(header: Uint8Array, dataBytes: number, file: string): ReadonlyMap<string, TensorEntry> {
  const json = decodeText(header, file);
  const entries = Object.entries(parseObject(json, file))
    .filter(([name, value]) => name !== "__metadata__" || !isMetadata(value, file))
    .map(([name, value]) => parseEntry(name, value, file));
  const duplicate = firstDuplicateKey(json);
  if (duplicate !== undefined) throw damaged(file, `its header names ${quoted(duplicate)} twice`);
  checkCoverage(entries, dataBytes, file);
  return new Map(entries.map((entry) => [entry.name, entry]));
}

export function damaged(file: string, why: string, cause?: unknown): MillraceError {
  const fix = "Download the file again.";
  return new MillraceError("E_SAFETENSORS", `${file} is not a valid safetensors file`, { why, fix, cause });
}

function decodeText(header: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
  } catch (cause) {
    throw damaged(file, "its header is not UTF-8", cause);
  }
}

function parseObject(json: string, file: string): Record<string, unknown> {
  if (!json.startsWith("{")) throw damaged(file, "its header does not begin with {");
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch (cause) {
    throw damaged(file, `its header of ${json.length} characters is not JSON`, cause);
  }
}

function isMetadata(value: unknown, file: string): true {
  if (isRecord(value) && Object.values(value).every((text) => typeof text === "string")) return true;
  throw damaged(file, "its __metadata__ is not an object of strings");
}

function parseEntry(name: string, value: unknown, file: string): TensorEntry {
  const tensor = `tensor ${quoted(name)}`;
  if (!isRecord(value)) throw damaged(file, `${tensor} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) throw damaged(file, `${tensor} has the unknown dtype ${quoted(dtype)}`);
  if (!isCounts(shape)) throw damaged(file, `${tensor} has the impossible shape ${quoted(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2)
    throw damaged(file, `${tensor} has the impossible data_offsets ${quoted(offsets)}`);
  const [start, end] = offsets as readonly [number, number];
  const bytes = shape.reduce((product, size) => product * size, dtypeBytes[dtype]);
  if (!Number.isSafeInteger(bytes)) throw damaged(file, `${tensor} has the impossible shape ${quoted(shape)}`);
  if (end - start !== bytes)
    throw damaged(file, `${tensor} spans ${end - start} bytes, but ${dtype} of shape ${quoted(shape)} takes ${bytes}`);
  return { name, dtype, shape, start, bytes };
}

/** Tensors must lie inside the file, follow each other without gap in order of their offsets, and end where it does. */
function checkCoverage(entries: readonly TensorEntry[], dataBytes: number, file: string): void {
  for (const { name, start, bytes } of entries) {
    const tensor = `tensor ${quoted(name)}`;
    if (start + bytes <= dataBytes) continue;
    throw damaged(file, `${tensor} ends at ${start + bytes}, but the file holds ${dataBytes} bytes of data`);
  }
  const inOrder = [...entries].sort((a, b) => a.start - b.start || a.bytes - b.bytes);
  let end = 0;
  for (const { name, start, bytes } of inOrder) {
    const tensor = `tensor ${quoted(name)}`;
    if (start < end) throw damaged(file, `${tensor} begins at ${start}, inside the one before it that ends at ${end}`);
    if (start > end) throw damaged(file, `${tensor} begins at ${start}, but the one before it ends at ${end}`);
    end = start + bytes;
  }
  if (end < dataBytes) throw damaged(file, `its tensors end at ${end}, but it holds ${dataBytes} bytes of data`);
}

/** The first key that an object of a valid JSON text has twice: JSON.parse would keep the last and say nothing. */
function firstDuplicateKey(json: string): string | undefined {
  const scopes: Set<string>[] = [];
  for (let at = 0; at < json.length; at += 1) {
    const char = json[at];
    if (char === "{") scopes.push(new Set());
    if (char === "}") scopes.pop();
    if (char !== '"') continue;
    const end = closingQuote(json, at);
    if (nextCharacter(json, end + 1) === ":") {
      const key = JSON.parse(json.slice(at, end + 1)) as string;
      const scope = scopes.at(-1);
      if (scope?.has(key)) return key;
      scope?.add(key);
    }
    at = end;
  }
  return undefined;
}

function closingQuote(json: string, open: number): number {
  for (let at = open + 1; at < json.length; at += 1) {
    if (json[at] === "\\") at += 1;
    else if (json[at] === '"') return at;
  }
  return json.length;
}

function nextCharacter(json: string, from: number): string | undefined {
  let at = from;
  while (json[at] === " " || json[at] === "\n" || json[at] === "\r" || json[at] === "\t") at += 1;
  return json[at];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** JSON of an untrusted value, cut to a length that fits in a message. */
function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
