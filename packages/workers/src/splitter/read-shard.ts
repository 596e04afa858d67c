import {
  asMillraceError,
  type CorpusObject,
  type Document,
  type FieldMapping,
  MillraceError,
  type OpenObject,
  type Shard,
  type SizeLimits,
  type Source,
} from "@millrace/core";
import { parseObject } from "../formats/parse-object.js";

/** What reading a shard comes upon, in order. */
export type Reading =
  | { readonly kind: "begun"; readonly object: CorpusObject }
  | { readonly kind: "document"; readonly object: CorpusObject; readonly row: number; readonly document: Document }
  | { readonly kind: "bad-row"; readonly object: CorpusObject; readonly row: number; readonly error: MillraceError }
  | { readonly kind: "failed"; readonly object: CorpusObject; readonly error: MillraceError }
  | { readonly kind: "ended"; readonly object: CorpusObject };

export interface ShardReading {
  readonly source: Source;
  readonly shard: Shard;
  readonly fields: FieldMapping;
  readonly limits: SizeLimits;
  /** Objects whose reading kills the process: they fail without being opened. */
  readonly poisoned: readonly string[];
  readonly onBytes: (bytes: number) => void;
}

/** Rows of a shard's objects, one object after another; rows before `fromRow` of the first object are passed over. */
export async function* readShard(reading: ShardReading): AsyncGenerator<Reading> {
  for (const [index, object] of reading.shard.objects.entries()) {
    yield { kind: "begun", object };
    const fromRow = index === 0 ? reading.shard.fromRow : 0;
    try {
      yield* readObject(reading, object, fromRow);
      yield { kind: "ended", object };
    } catch (error) {
      yield {
        kind: "failed",
        object,
        error: asMillraceError(error, "E_OBJECT_UNREADABLE", `cannot read ${object.key}`),
      };
    }
  }
}

async function* readObject(
  { source, fields, limits, poisoned, onBytes }: ShardReading,
  object: CorpusObject,
  fromRow: number,
): AsyncGenerator<Reading> {
  if (poisoned.includes(object.key)) {
    throw new MillraceError("E_OBJECT_UNREADABLE", `reading ${object.key} kills the reader each time`, {
      fix: "Leave it out with --exclude, or repair it.",
    });
  }
  const open = countingBytes(await source.open(object), onBytes);
  try {
    for await (const row of parseObject(open, fields, limits)) {
      if (row.row < fromRow) continue;
      if ("document" in row) yield { kind: "document", object, ...row };
      else yield { kind: "bad-row", object, ...row };
    }
  } finally {
    await open.close();
  }
}

/** The same object, telling how many of its stored bytes have been read; what is read twice counts once. */
function countingBytes(open: OpenObject, onBytes: (bytes: number) => void): OpenObject {
  let furthest = 0;
  const reached = (position: number) => {
    onBytes(Math.max(0, position - furthest));
    furthest = Math.max(furthest, position);
  };
  return {
    key: open.key,
    bytes: open.bytes,
    async *stream() {
      let position = 0;
      for await (const piece of open.stream()) {
        position += piece.byteLength;
        reached(position);
        yield piece;
      }
    },
    async read(start, end) {
      reached(end);
      return open.read(start, end);
    },
    close: () => open.close(),
  };
}
