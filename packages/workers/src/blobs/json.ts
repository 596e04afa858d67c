import { type BlobRef, type BlobStore, MillraceError } from "@millrace/core";
import { sha256 } from "../identity/digest.js";

/** The JSON value under a key, or undefined where there is none. @throws E_IO when it is damaged */
export async function readJson<Value>(blobs: BlobStore, key: string): Promise<Value | undefined> {
  const bytes = await blobs.get(key);
  return bytes === undefined ? undefined : parseJson<Value>(Buffer.from(bytes).toString("utf8"), key);
}

/** The JSON value of a text in a work folder. @throws E_IO naming the key when it is damaged */
export function parseJson<Value>(text: string, key: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch (cause) {
    throw damaged(key, "damaged", cause);
  }
}

export async function writeJson(blobs: BlobStore, key: string, value: unknown): Promise<void> {
  await blobs.put(key, Buffer.from(JSON.stringify(value)));
}

/** Stores bytes and returns what is needed to know them again. */
export async function putBlob(blobs: BlobStore, key: string, bytes: Uint8Array): Promise<BlobRef> {
  await blobs.put(key, bytes);
  return { key, bytes: bytes.byteLength, sha256: sha256(bytes) };
}

/** The bytes a reference points at, checked. @throws E_IO when they are gone or are not those that were stored. */
export async function getBlob(
  blobs: BlobStore,
  { key, sha256: expected }: Pick<BlobRef, "key" | "sha256">,
): Promise<Uint8Array> {
  const bytes = await blobs.get(key);
  if (bytes !== undefined && sha256(bytes) === expected) return bytes;
  throw damaged(key, bytes === undefined ? "gone" : "damaged");
}

/** What to do where a file of the work folder is not what it was. */
export function damaged(key: string, how: "gone" | "damaged", cause?: unknown): MillraceError {
  return new MillraceError("E_IO", `the file ${key} of the work folder is ${how}`, { fix: repairs(key), cause });
}

function repairs(key: string): string {
  if (key.startsWith("jobs/")) return "Delete it: the next index command of that job writes it anew.";
  if (key.startsWith("vectors/log/"))
    return "Bring it back from a copy, or keep the vectors anew with index --full --keep-vectors.";
  return key.startsWith("manifest/")
    ? "Delete manifest/head.json there and run again: every object is read again, nothing is stored twice."
    : "Delete the work folder's plan, batches and vectors folders and run again: the manifest is kept.";
}

/** Deletes every blob under a prefix, or those of them that `isWanted` says, a thousand at a time. */
export async function deletePrefix(
  blobs: BlobStore,
  prefix: string,
  isWanted: (key: string) => boolean = () => true,
): Promise<void> {
  let keys: string[] = [];
  for await (const key of blobs.list(prefix)) {
    if (!isWanted(key)) continue;
    keys.push(key);
    if (keys.length < 1000) continue;
    await blobs.delete(keys);
    keys = [];
  }
  await blobs.delete(keys);
}
