import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { CorpusObject, Job, Shard, Split } from "@millrace/core";
import { defaultWorkLimits, HostSplitter, openBlobs, openSource } from "@millrace/workers";
import { temporaryFolder } from "../../support/command-line.ts";
import { childrenWith, signal, until } from "../../support/processes.ts";
import { splitterJob } from "../../support/splitter-job.ts";
import { golden } from "../../support/tokenizers.ts";

let folder: string;
let splitter: HostSplitter;

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  await splitter.close();
  expect([...childrenWith("splitter-host"), ...childrenWith("survey-host")]).toEqual([]);
});

/** Rows with a long field that is not text, so that a large file is few tokens; each 1,000th is bad. */
async function openRows(count: number): Promise<{ job: Job; object: CorpusObject }> {
  await mkdir(join(folder, "docs"));
  const file = await open(join(folder, "docs/rows.jsonl"), "w");
  const filler = "é".repeat(300);
  for (let row = 0; row < count; row += 1_000) {
    const lines = Array.from({ length: 1_000 }, (_, line) =>
      JSON.stringify({ id: `r${row + line}`, text: `row ${row + line}`, filler }),
    );
    await file.writeFile(`${lines.with(999, "{bad").join("\r\n\n")}\n`);
  }
  await file.close();
  const job = splitterJob(folder, { id: "id", text: ["text"], payload: [] });
  const tokenizerPath = golden("wordpiece-tokenizer.json");
  splitter = new HostSplitter({ job, store: "s", tokenizerPath, isDryRun: false, limits: defaultWorkLimits });
  for await (const object of (await openSource(job.source)).list()) return { job, object };
  throw new Error("nothing is listed");
}

const limits = { ...defaultWorkLimits.range, bytes: 1 << 20 };

/** Every part of a shard, with a call between two of them. */
async function splitAll(job: Job, first: Shard, between: () => void): Promise<readonly Split[]> {
  const splits: Split[] = [];
  for (let shard: Shard | undefined = first; shard !== undefined; shard = splits.at(-1)?.rest) {
    splits.push(await splitter.split(job, shard));
    between();
  }
  return splits;
}

/** Quarantine records and document keys with hashes, in shard order. */
async function outcomeOf(job: Job, prefix: string) {
  const blobs = await openBlobs(job.work);
  const read = async (key: string) => Buffer.from((await blobs.get(key)) ?? "").toString("utf8");
  const shards: string[] = [];
  for await (const key of blobs.list(`batches/${prefix}`)) {
    if (key.endsWith("/split.json")) shards.push(key.split("/")[1] as string);
  }
  const inOrder = shards.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const outcome = { documents: [] as unknown[], versions: new Set<string>(), quarantine: [] as unknown[] };
  for (const shard of inOrder) {
    const { parts } = JSON.parse(await read(`batches/${shard}/split.json`));
    for (const { documents, version } of parts) {
      outcome.documents.push(...documents);
      outcome.versions.add(version);
    }
    const records = (await read(`quarantine/${shard}.jsonl`)).split("\n").filter((line) => line !== "");
    outcome.quarantine.push(...records.map((record) => JSON.parse(record)));
  }
  return outcome;
}

describe("a large file", () => {
  test("in ranges is what it is from front to back, also where the reader dies between two parts", async () => {
    const { job, object } = await openRows(12_000);
    expect(object.bytes).toBeGreaterThan(7 << 20);
    const whole: Shard = { id: "whole", objects: [object], fromRow: 0, fromByte: 0, isFull: false };
    const wholeSplits = await splitAll(job, whole, () => {});
    expect(wholeSplits.length).toBeGreaterThan(1);

    const ranges = await splitter.survey(object, limits);
    expect(ranges).toHaveLength(8);
    const shards = ranges.map((range, index): Shard => {
      return { ...whole, id: `range-${index}`, fromRow: range.fromRow, fromByte: range.fromByte, range };
    });
    const kill = () => {
      if (splitter.pid !== undefined) signal(splitter.pid, "SIGKILL");
    };
    const splits = await Promise.all(shards.map((shard, index) => splitAll(job, shard, index === 3 ? kill : () => {})));
    expect(splits.flat().reduce((sum, { counts }) => sum + counts.bytes, 0)).toBe(object.bytes);
    expect(await outcomeOf(job, "range-")).toEqual(await outcomeOf(job, "whole"));
    expect((await outcomeOf(job, "whole")).quarantine).toHaveLength(12);
  });

  test("a range of several parts goes on within itself", async () => {
    const { job, object } = await openRows(30_000);
    const ranges = await splitter.survey(object, { ...limits, bytes: object.bytes / 3 });
    const [, range] = ranges;
    if (range === undefined) throw new Error("the file was not cut");
    const { fromRow, fromByte } = range;
    const shard: Shard = { id: "second", objects: [object], fromRow, fromByte, isFull: false, range };
    const splits = await splitAll(job, shard, () => {
      if (splitter.pid !== undefined) signal(splitter.pid, "SIGKILL");
    });
    expect(splits).toHaveLength(2);
    expect(splits.reduce((sum, { counts }) => sum + counts.bytes, 0)).toBe(range.toByte - range.fromByte);
    const { documents, quarantine } = await outcomeOf(job, "second");
    expect(documents.length + quarantine.length).toBe(range.toRow - range.fromRow);
  });

  test("whose survey dies, or that changed, is not cut", async () => {
    const { object } = await openRows(12_000);
    const killed = splitter.survey(object, limits);
    await until(() => childrenWith("survey-host").length > 0, "the survey's process");
    for (const pid of childrenWith("survey-host")) signal(pid, "SIGKILL");
    expect(await killed).toEqual([]);
    expect(await splitter.survey({ ...object, version: "another" }, limits)).toEqual([]);
    expect(await splitter.survey(object, limits)).toHaveLength(8);
  });
});
