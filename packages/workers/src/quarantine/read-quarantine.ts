import { type BlobStore, layout } from "@millrace/core";
import { parseJson } from "../blobs/json.js";
import type { QuarantineRecord } from "./quarantine.js";

/** The files of the quarantine, one in memory at a time. */
export async function* quarantineFiles(
  blobs: BlobStore,
): AsyncGenerator<{ readonly key: string; readonly records: readonly QuarantineRecord[] }> {
  for await (const key of blobs.list(layout.quarantinePrefix)) yield { key, records: await readFile(blobs, key) };
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
