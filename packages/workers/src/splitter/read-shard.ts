import {
  asMillraceError,
  type CorpusObject,
  type Document,
  type ErrorCode,
  type FieldMapping,
  MillraceError,
  type OpenObject,
  type RowRange,
  type Shard,
  type SizeLimits,
  type Source,
} from "@millrace/core";
import { parseObject } from "../formats/parse-object.js";
import { toldReads } from "../formats/told-reads.js";

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
  /** Told how many stored bytes more were read, and how far the object has been read. */
  readonly onBytes: (bytes: number, furthest: number) => void;
}

/** Rows of a shard's objects, one object after another; rows before `fromRow` of the first object are passed over. */
export async function* readShard(reading: ShardReading): AsyncGenerator<Reading> {
  for (const [index, object] of reading.shard.objects.entries()) {
    yield { kind: "begun", object };
    const place = index === 0 ? reading.shard : beginning;
    try {
      yield* readObject(reading, object, place);
      yield { kind: "ended", object };
    } catch (error) {
      if (isOfServer(error)) throw error;
      yield {
        kind: "failed",
        object,
        error: asMillraceError(error, "E_OBJECT_UNREADABLE", `cannot read ${object.key}`),
      };
    }
  }
}

/** A server that is down says nothing about the object: no reason to give it up, but to try the whole step again. */
function isOfServer(error: unknown): boolean {
  const codes: readonly ErrorCode[] = ["E_UNREACHABLE", "E_CREDENTIALS", "E_CLOCK", "E_BUCKET_MISSING"];
  return error instanceof MillraceError && codes.includes(error.code);
}

type Place = Pick<Shard, "fromRow" | "fromByte" | "range">;

const beginning: Place = { fromRow: 0, fromByte: 0 };

async function* readObject(
  { source, fields, limits, poisoned, onBytes }: ShardReading,
  object: CorpusObject,
  { fromRow, fromByte, range }: Place,
): AsyncGenerator<Reading> {
  if (poisoned.includes(object.key)) {
    throw new MillraceError("E_OBJECT_UNREADABLE", `reading ${object.key} kills the reader each time`, {
      fix: "Leave it out with --exclude, or repair it.",
    });
  }
  onBytes(0, fromByte);
  const toByte = range?.toByte ?? object.bytes;
  const open = countingBytes(await source.open(object), { fromByte, toByte }, onBytes);
  try {
    for await (const row of parseObject(open, fields, { ...limits, range })) {
      if (row.row < fromRow) continue;
      if ("document" in row) yield { kind: "document", object, ...row };
      else yield { kind: "bad-row", object, ...row };
    }
  } finally {
    await open.close();
  }
}

/** The same object, telling how far it was read within the bytes named; what is read twice counts once. */
function countingBytes(
  open: OpenObject,
  { fromByte, toByte }: Pick<RowRange, "fromByte" | "toByte">,
  onBytes: ShardReading["onBytes"],
): OpenObject {
  let furthest = fromByte;
  return toldReads(open, (position) => {
    const more = Math.max(0, Math.min(position, toByte) - furthest);
    furthest += more;
    onBytes(more, furthest);
  });
}
