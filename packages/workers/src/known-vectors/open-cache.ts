import { mkdir } from "node:fs/promises";
import { MillraceError } from "@millrace/core";
import type { Database, RootDatabase } from "lmdb";
import type { VectorCache } from "./known-vectors.js";

export interface VectorCacheOptions {
  readonly folder: string;
  /** Room for vectors; of the least recently used, about half go when it is full. */
  readonly bytes: number;
}

/** What an entry costs beside its floats: key, header, and pages that are not full. */
const entryOverhead = 64;

/**
 * A cache of vectors in an LMDB file, which any number of processes may share. Entries are in two halves: new ones go to
 * the younger; when that is full, the older is emptied and becomes the younger. What is found in the older is put again.
 * @throws E_CONFIG where the folder cannot hold one
 */
export async function openVectorCache({ folder, bytes }: VectorCacheOptions): Promise<VectorCache> {
  const root = await openRoot(folder);
  const halves = [root.openDB<Buffer, Buffer>(half("0")), root.openDB<Buffer, Buffer>(half("1"))] as const;
  const younger = () => halves[(root.get(youngerKey) as number | undefined) ?? 0] as Half;
  const older = () => halves[1 - ((root.get(youngerKey) as number | undefined) ?? 0)] as Half;
  let roomAfter = 0;
  const makeRoom = (size: number) => {
    roomAfter -= 1;
    if (roomAfter > 0) return;
    const most = Math.max(1, Math.floor(bytes / 2 / size));
    const count = entriesOf(younger());
    if (count >= most) exchange(root, halves, most);
    // Counting costs more than an entry: only as often as could matter.
    roomAfter = Math.max(1, Math.floor((most - Math.min(count, most)) / 8));
  };
  const put = (key: Buffer, value: Buffer) => {
    makeRoom(value.byteLength + entryOverhead);
    // A copy: the library may keep it until it is written.
    void younger().put(Buffer.from(key), value);
  };
  return {
    get(key) {
      const young = younger().get(key);
      if (young !== undefined) return floatsOf(young);
      const old = older().get(key);
      if (old === undefined) return undefined;
      put(key, Buffer.from(old));
      return floatsOf(old);
    },
    put(key, vector) {
      put(key, Buffer.from(vector.buffer.slice(vector.byteOffset, vector.byteOffset + vector.byteLength)));
    },
    async close() {
      await root.flushed;
      await root.close();
    },
  };
}

type Half = Database<Buffer, Buffer>;

const youngerKey = "younger";

function half(name: string) {
  return { name, encoding: "binary", keyEncoding: "binary" } as const;
}

async function openRoot(folder: string): Promise<RootDatabase> {
  try {
    const { open } = await import("lmdb");
    await mkdir(folder, { recursive: true });
    return open({ path: folder, noSubdir: false });
  } catch (cause) {
    throw new MillraceError("E_CONFIG", `no cache of vectors can be kept in ${folder}`, {
      why: (cause as Error).message,
      fix: "Name another folder with --vector-cache, or none.",
      cause,
    });
  }
}

function entriesOf(database: Half): number {
  return (database.getStats() as { readonly entryCount: number }).entryCount;
}

/** In one transaction, so that of several processes that find it full one exchanges the halves. */
function exchange(root: RootDatabase, halves: readonly [Half, Half], most: number): void {
  root.transactionSync(() => {
    const young = (root.get(youngerKey) as number | undefined) ?? 0;
    if (entriesOf(halves[young] as Half) < most) return;
    (halves[1 - young] as Half).clearSync();
    root.putSync(youngerKey, 1 - young);
  });
}

function floatsOf(bytes: Uint8Array): Float32Array {
  // Aligned, and not the library's own memory.
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
