import type { BigIntStats } from "node:fs";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type CorpusObject, MillraceError, type OpenObject } from "@millrace/core";
import { changedError, fileError } from "./file-errors.js";

/** Bytes of one read of a stream. */
const readSize = 256 * 1024;

/** Changes whenever the bytes may have changed: any write moves the ctime, whatever is done to the mtime afterwards. */
export function fileVersion({ size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${size}-${mtimeNs}-${ctimeNs}`;
}

/** A listed file and how its version is told. */
export interface FileToOpen {
  readonly path: string;
  readonly object: CorpusObject;
  /** The version that a file of these facts is listed with. */
  versionOf(facts: BigIntStats): string;
}

/** Opens a listed file. @throws E_OBJECT_CHANGED, E_OBJECT_UNREADABLE or E_IO */
export async function openFile({ path, object, versionOf }: FileToOpen): Promise<OpenObject> {
  try {
    // Without O_NONBLOCK a pipe that took the file's place would block a thread until somebody writes to it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const facts = await handle.stat({ bigint: true });
      if (!facts.isFile()) throw changedError(object.key, "it is no longer a file");
      if (versionOf(facts) !== object.version) throw changedError(object.key, "its size or times differ");
      return new OpenFile(object, handle, fileVersion(facts));
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw fileError(object.key, error);
  }
}

class OpenFile implements OpenObject {
  readonly key: string;
  readonly bytes: number;
  readonly #handle: FileHandle;
  readonly #version: string;

  constructor({ key, bytes }: CorpusObject, handle: FileHandle, version: string) {
    this.key = key;
    this.bytes = bytes;
    this.#handle = handle;
    this.#version = version;
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < this.bytes; start += readSize) {
      yield await this.#fill(start, Math.min(start + readSize, this.bytes));
    }
    await this.#assertUnchanged();
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    if (!(start >= 0 && end >= start && end <= this.bytes)) {
      throw new MillraceError("E_INTERNAL", `Bytes ${start} to ${end} of "${this.key}" were asked for`, {
        why: `it has ${this.bytes}`,
      });
    }
    const bytes = await this.#fill(start, end);
    await this.#assertUnchanged();
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #fill(start: number, end: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(end - start);
    try {
      for (let filled = 0; filled < bytes.length; ) {
        const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled, start + filled);
        if (bytesRead === 0) throw changedError(this.key, "it became shorter while it was read");
        filled += bytesRead;
      }
      return bytes;
    } catch (error) {
      throw fileError(this.key, error);
    }
  }

  async #assertUnchanged(): Promise<void> {
    const facts = await this.#handle.stat({ bigint: true });
    if (fileVersion(facts) !== this.#version) throw changedError(this.key, "it was written to while it was read");
  }
}
