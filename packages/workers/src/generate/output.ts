import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MillraceError } from "@millrace/core";
import { temporaryMark, writeAtomically } from "../blobs/atomic-file.js";
import { fileError } from "../blobs/file-errors.js";

/** Where answers go: a file, or an object in S3. It is there whole or not at all. */
export interface Output {
  /** Finds out whether it could be written, before hours go into what is to be. @throws as `write` would */
  check(): Promise<void>;
  /** @returns sha256 of what was written @throws E_STORE_READ_ONLY, E_DISK_FULL, E_IO; E_CREDENTIALS and its kin of S3 */
  write(pieces: AsyncIterable<Uint8Array>): Promise<string>;
  /** sha256 of what is there; undefined where there is nothing. */
  digest(): Promise<string | undefined>;
}

/** S3's client is loaded only where it is needed. */
export function openOutput(place: string): Output {
  if (!place.startsWith("s3://")) return fileOutput(place);
  const object = async () => (await import("../s3/output.js")).s3Output(place);
  return {
    check: async () => (await object()).check(),
    write: async (pieces) => {
      const { hashed, digest } = hashing(pieces);
      await (await object()).write(hashed);
      return digest();
    },
    digest: async () => digestOf((await object()).read()).catch(() => undefined),
  };
}

function fileOutput(path: string): Output {
  const named = async <Result>(act: () => Promise<Result>): Promise<Result> => {
    try {
      return await act();
    } catch (error) {
      throw error instanceof MillraceError ? error : fileError(error, "cannot write the answers", path);
    }
  };
  return {
    check: () => named(() => checkFile(path)),
    write: (pieces) =>
      named(async () => {
        const { hashed, digest } = hashing(pieces);
        await writeAtomically({
          path,
          write: async (file) => {
            for await (const bytes of hashed) await file.writeFile(bytes);
          },
        });
        return digest();
      }),
    digest: () => digestOf(createReadStream(path)).catch(() => undefined),
  };
}

/** Does what writing it begins with. */
async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) {
    throw new MillraceError("E_CONFIG", `${path} is a folder`, { fix: "Name a file for the answers." });
  }
  await mkdir(dirname(path), { recursive: true });
  const trial = join(dirname(path), `${temporaryMark}${randomUUID()}`);
  await (await open(trial, "wx")).close();
  await rm(trial, { force: true });
}

function hashing(pieces: AsyncIterable<Uint8Array>) {
  const hash = createHash("sha256");
  const hashed = async function* () {
    for await (const bytes of pieces) {
      hash.update(bytes);
      yield bytes;
    }
  };
  return { hashed: hashed(), digest: () => hash.digest("hex") };
}

async function digestOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of pieces) hash.update(bytes);
  return hash.digest("hex");
}
