import { rm } from "node:fs/promises";
import {
  compareKeys,
  inPieces,
  MillraceError,
  type Searcher,
  type Sink,
  type StoredPoint,
  type StoreSchema,
} from "@millrace/core";
import { writeAtomically } from "../../blobs/atomic-file.js";
import { fileError } from "../../blobs/file-errors.js";
import { createMutex } from "../../mutex.js";
import { checkBatch, opened } from "../check.js";
import { openStoreFolder, readStoreSchema } from "../store-file.js";
import type { PartFormat } from "./part-format.js";
import {
  compactedPath,
  listParts,
  livePoints,
  liveRows,
  sweepTemporaries,
  writeDeleted,
  writePoints,
} from "./parts.js";

/** Points that `scan` holds at once; for each such page it reads all files once. */
const pointsPerPage = 16_384;

interface Writer {
  readonly schema: StoreSchema;
  nextPart: number;
}

/**
 * Points as files of the format: each write is a numbered file below `parts/`, `finish` makes one `points` file of them
 * in which the last write of an id wins. A killed `finish` has no effect: the parts go only after the file is there.
 */
export function exportSink<Content>(folder: string, format: PartFormat<Content>): Sink {
  const serially = createMutex();
  let writer: Writer | undefined;
  const write = (task: (writer: Writer) => Promise<void>) =>
    serially(() => guarded("cannot write the export", folder, () => task(opened(writer))));
  return {
    open: (schema) =>
      serially(async () => {
        const { identity } = await openStoreFolder({ folder, driver: format.name }, schema);
        writer = await guarded("cannot open the export", folder, () => openWriter(folder, format.name, schema));
        return identity;
      }),
    upsert: (batch) =>
      write(async (writer) => {
        const { schema } = writer;
        checkBatch(batch, schema.dimensions);
        if (batch.records.length === 0) return;
        await writePoints(folder, writer.nextPart, { format, schema, rows: format.encode(batch, schema) });
        writer.nextPart += 1;
      }),
    delete: (ids) =>
      write(async (writer) => {
        if (ids.length === 0) return;
        await writeDeleted(folder, writer.nextPart, ids);
        writer.nextPart += 1;
      }),
    finish: () => write(({ schema }) => compact(folder, format, schema)),
    close: () =>
      serially(async () => {
        writer = undefined;
      }),
  };
}

/** Reads an export; it counts and scans, but refuses to search. */
export function exportSearcher<Content>(folder: string, format: PartFormat<Content>): Searcher {
  const place = { folder, driver: format.name };
  return {
    schema: () => readStoreSchema(place),
    count: async () => {
      await readStoreSchema(place);
      const parts = () => listParts(folder, format.name);
      return guarded("cannot read the export", folder, async () => (await livePoints(await parts(), format)).size);
    },
    async search() {
      const fix = "Index into a lancedb: store, or load the export into a database";
      throw new MillraceError("E_CONFIG", "an export cannot be searched", { why: `${format.name}:${folder}`, fix });
    },
    async *scan() {
      yield* scanExport(folder, format, await readStoreSchema(place));
    },
    close: async () => undefined,
  };
}

async function openWriter(folder: string, extension: string, schema: StoreSchema): Promise<Writer> {
  await sweepTemporaries(folder);
  const parts = await listParts(folder, extension);
  return { schema, nextPart: (parts.at(-1)?.number ?? 0) + 1 };
}

/**
 * Parts are removed in ascending order: those that a kill leaves are the last ones, and applying them once more to the
 * compacted file changes nothing.
 */
async function compact<Content>(folder: string, format: PartFormat<Content>, schema: StoreSchema): Promise<void> {
  const parts = await listParts(folder, format.name);
  const isCompacted = parts.length === 1 && parts[0]?.number === 0;
  if (isCompacted) return;
  const rows = liveRows(parts, format, await livePoints(parts, format));
  const path = compactedPath(folder, format.name);
  await writeAtomically({ path, write: (file) => format.write(file, rows, schema) });
  for (const { number, path } of parts) if (number > 0) await rm(path, { force: true });
}

/** Holds the ids and one page of points. */
async function* scanExport<Content>(
  folder: string,
  format: PartFormat<Content>,
  schema: StoreSchema,
): AsyncGenerator<StoredPoint> {
  const parts = await guarded("cannot read the export", folder, () => listParts(folder, format.name));
  const partById = await guarded("cannot read the export", folder, () => livePoints(parts, format));
  for (const ids of inPieces([...partById.keys()].sort(compareKeys), pointsPerPage)) {
    const page = new Map(ids.map((id) => [id, partById.get(id) ?? 0]));
    const points: StoredPoint[] = [];
    for await (const row of liveRows(parts, format, page)) points.push(format.decode(row, schema));
    yield* points.sort((a, b) => compareKeys(a.record.id, b.record.id));
  }
}

async function guarded<Result>(what: string, folder: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw fileError(error, what, folder);
  }
}
