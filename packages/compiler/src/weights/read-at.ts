import { type FileHandle, open } from "node:fs/promises";
import { asMillraceError } from "@millrace/core";

/** Opens a file of weights for reading. @throws E_MODEL_INVALID */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw asMillraceError(error, "E_MODEL_INVALID", `cannot open ${path}`);
  }
}

/** One read call takes at most this much: the operating system ends one at 2 GiB. */
const readPiece = 2 ** 30;

/** Reads `length` bytes into memory of its own, or fewer where the file ends. */
export async function readAt(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, Math.min(readPiece, length - filled), position + filled);
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
  }
  return bytes;
}
