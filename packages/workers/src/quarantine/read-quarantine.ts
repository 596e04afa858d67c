import { type BlobStore, layout } from "@millrace/core";
import { parseJson } from "../blobs/json.js";
import type { QuarantineRecord } from "./quarantine.js";

/** The files of the quarantine, one in memory at a time. */
export async function* quarantineFiles(
  blobs: BlobStore,
): AsyncGenerator<{ readonly key: string; readonly records: readonly QuarantineRecord[] }> {
  for await (const key of blobs.list(layout.quarantinePrefix)) yield { key, records: await readFile(blobs, key) };
}

/** What the quarantine speaks of. */
export interface QuarantinedDocuments {
  /** Keys of the files that were read. */
  readonly files: readonly string[];
  /** Of each object that is named there, the documents that have chunks there. */
  readonly documents: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Which objects and documents are in quarantine; their names, not their records, are held in memory. */
export async function quarantinedDocuments(blobs: BlobStore): Promise<QuarantinedDocuments> {
  const files: string[] = [];
  const named = new Map<string, Set<string>>();
  for await (const { key, records } of quarantineFiles(blobs)) {
    files.push(key);
    for (const { object, document, ordinal } of records) {
      const documents = named.get(object) ?? new Set();
      named.set(object, documents);
      if (document !== undefined && ordinal !== undefined) documents.add(document);
    }
  }
  return { files, documents: named };
}

/** What is in quarantine, each row or chunk once though several runs may have said so; all of it in memory. */
export async function quarantined(blobs: BlobStore): Promise<readonly QuarantineRecord[]> {
  const records = new Map<string, QuarantineRecord>();
  for await (const file of quarantineFiles(blobs))
    for (const record of file.records) records.set(nameOf(record), record);
  return [...records.values()];
}

async function readFile(blobs: BlobStore, key: string): Promise<readonly QuarantineRecord[]> {
  const text = Buffer.from((await blobs.get(key)) ?? "").toString("utf8");
  return text.split("\n").flatMap((line) => (line === "" ? [] : [parseJson<QuarantineRecord>(line, key)]));
}

function nameOf({ object, row, document, ordinal }: QuarantineRecord): string {
  return JSON.stringify([object, ordinal === undefined ? row : undefined, document, ordinal]);
}
