import type { Connection, Table } from "@lancedb/lancedb";
import { inPieces, type PointBatch, type Sink, type StoreSchema } from "@millrace/core";
import type { Schema } from "apache-arrow";
import { createMutex } from "../../mutex.js";
import { checkBatch, opened } from "../check.js";
import { type LanceGeneration, openGeneration } from "./catalog.js";
import { guarded } from "./errors.js";
import { createKnownIds, type KnownIds } from "./known-ids.js";
import { compactAfterJob, compactNow, writesBetweenCompactions } from "./maintenance.js";
import type { LancePlace } from "./place.js";
import { pointsSchema, pointsToTable } from "./rows.js";
import { quoted } from "./sql.js";
import { loadVendor } from "./vendor.js";

/** Above this the set of known ids would take more than 256 MB; every write then goes through a merge. */
const maxKnownIds = 8_000_000;

/** Ids named in one delete: each delete reads the whole id column, each name lengthens the statement. */
const idsPerDelete = 2048;

/** LanceDB's own limits are 6 GB and 1 GB; a writer reads back next to nothing. */
const cacheBytes = 64n * 1024n * 1024n;

/** A generation that is described has its table before another sink of this process looks. */
const oneOpening = createMutex();

interface Writer {
  readonly connection: Connection;
  readonly table: Table;
  readonly schema: StoreSchema;
  readonly columns: Schema;
  /** Every id in the table; undefined where there are too many. */
  knownIds: KnownIds | undefined;
  writes: number;
  deleted: number;
}

/**
 * Points in a LanceDB table below the folder, one for each generation. All writes pass one mutex: LanceDB itself would store rows twice
 * when two merges insert the same new ids at once.
 */
export function lanceSink(place: LancePlace): Sink {
  const { folder } = place;
  const serially = createMutex();
  let writer: Writer | undefined;
  return {
    open: (schema) =>
      serially(async () => {
        const opening = async () => {
          const generation = await openGeneration(place, schema);
          writer ??= await guarded("cannot open the store", folder, () => openWriter(folder, generation));
          return generation.schema.identity;
        };
        return oneOpening(opening);
      }),
    upsert: (batch) => serially(() => guarded("cannot write points", folder, () => upsertBatch(opened(writer), batch))),
    delete: (ids) => serially(() => guarded("cannot delete points", folder, () => deleteIds(opened(writer), ids))),
    finish: () => serially(() => guarded("cannot compact the store", folder, () => compactAfterJob(opened(writer)))),
    close: () =>
      serially(async () => {
        writer?.table.close();
        writer?.connection.close();
        writer = undefined;
      }),
  };
}

async function openWriter(folder: string, { schema, table: name }: LanceGeneration): Promise<Writer> {
  const { lancedb, arrow } = loadVendor();
  const columns = pointsSchema(arrow, schema);
  const connection = await lancedb.connect(folder, { session: new lancedb.Session(cacheBytes, cacheBytes) });
  const table = await connection.createEmptyTable(name, columns, { existOk: true });
  const knownIds = await readKnownIds(table);
  return { connection, table, schema, columns, knownIds, writes: 0, deleted: 0 };
}

async function readKnownIds(table: Table): Promise<KnownIds | undefined> {
  const rows = await table.countRows();
  if (rows > maxKnownIds) return undefined;
  const knownIds = createKnownIds();
  if (rows === 0) return knownIds;
  for await (const batch of table.query().select(["id"])) {
    for (const id of batch.getChild("id") ?? []) knownIds.add(id as string);
  }
  return knownIds;
}

/**
 * Adds a batch whose ids are all new, merges any other. Adding takes 20 ms for 1,024 rows whatever the table's size;
 * a merge reads the whole id column: 30 ms at 50,000 rows, 130 ms at 500,000. Ids count as known before they are
 * written, so that a batch repeated after an error is merged.
 */
async function upsertBatch(writer: Writer, batch: PointBatch): Promise<void> {
  checkBatch(batch, writer.schema.dimensions);
  if (batch.records.length === 0) return;
  const rows = pointsToTable(loadVendor().arrow, writer, batch);
  if (noteAsKnown(writer, batch)) {
    await writer.table.add(rows);
  } else {
    const merge = writer.table.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll();
    const { numUpdatedRows } = await merge.execute(rows);
    writer.deleted += numUpdatedRows;
  }
  writer.writes += 1;
  if (writer.writes % writesBetweenCompactions === 0) await compactNow(writer);
}

/** @returns true when none of the ids was known before. */
function noteAsKnown(writer: Writer, { records }: PointBatch): boolean {
  const { knownIds } = writer;
  if (knownIds === undefined) return false;
  const areNew = !records.some(({ id }) => knownIds.has(id));
  for (const { id } of records) knownIds.add(id);
  if (knownIds.size > maxKnownIds) writer.knownIds = undefined;
  return areNew;
}

async function deleteIds(writer: Writer, ids: readonly string[]): Promise<void> {
  const { knownIds, table } = writer;
  const present = knownIds === undefined ? ids : ids.filter((id) => knownIds.has(id));
  for (const piece of inPieces(present, idsPerDelete)) {
    await table.delete(`id IN (${piece.map(quoted).join(", ")})`);
    writer.deleted += piece.length;
  }
}
