import { type CorpusObject, compareKeys, MillraceError, type OpenObject, type Source } from "@millrace/core";

/** A row of an object: a document's key and its text. */
export interface MemoryRow {
  readonly id: string;
  readonly text: string;
}

interface MemoryObject {
  readonly rows: readonly MemoryRow[];
  readonly version: string;
  /** Reading breaks off after so many rows. */
  readonly failsAfter?: number;
}

/** A corpus of JSONL objects in memory, which a test changes as it likes, also while it is read. */
export class MemoryCorpus {
  readonly objects = new Map<string, MemoryObject>();
  private versions = 0;

  set(key: string, rows: readonly MemoryRow[], failsAfter?: number): void {
    this.versions += 1;
    const version = `v${this.versions}`;
    this.objects.set(key, failsAfter === undefined ? { rows, version } : { rows, version, failsAfter });
  }

  /** `onOperation` is awaited before each listing, opening and piece of a stream. */
  source(onOperation: (name: string) => Promise<void> = async () => {}): Source {
    const { objects } = this;
    return {
      uri: "memory:corpus",
      async *list(after) {
        await onOperation("list");
        for (const key of [...objects.keys()].sort(compareKeys)) {
          const object = objects.get(key);
          if (object === undefined || (after !== undefined && compareKeys(key, after) <= 0)) continue;
          yield { key, version: object.version, bytes: bytesOf(object).byteLength };
        }
      },
      async open(listed) {
        await onOperation("open");
        return openObject(objects, listed, onOperation);
      },
    };
  }
}

function openObject(
  objects: ReadonlyMap<string, MemoryObject>,
  { key, version, bytes }: CorpusObject,
  onOperation: (name: string) => Promise<void>,
): OpenObject {
  const pinned = () => {
    const object = objects.get(key);
    if (object?.version === version) return object;
    throw new MillraceError("E_OBJECT_CHANGED", `${key} changed`, { why: `it was ${version}` });
  };
  pinned();
  return {
    key,
    bytes,
    async *stream() {
      for (const [row, { id, text }] of pinned().rows.entries()) {
        await onOperation("piece");
        if (pinned().failsAfter === row) throw new Error("the disk is tired");
        yield Buffer.from(`${JSON.stringify({ id, text })}\n`);
      }
      if (pinned().failsAfter !== undefined) throw new Error("the disk is tired");
    },
    async read(start, end) {
      await onOperation("read");
      return bytesOf(pinned()).subarray(start, end);
    },
    async close() {},
  };
}

function bytesOf({ rows }: MemoryObject): Uint8Array {
  return Buffer.from(rows.map(({ id, text }) => `${JSON.stringify({ id, text })}\n`).join(""));
}
