import { readdirSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { CorpusObject, Job, Shard, Split } from "@millrace/core";
import { defaultWorkLimits, HostSplitter, openSource } from "@millrace/workers";
import { temporaryFolder } from "../../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../../support/corpus.ts";
import { childrenWith, signal, until } from "../../support/processes.ts";
import { splitterJob } from "../../support/splitter-job.ts";
import { golden } from "../../support/tokenizers.ts";

const rows = (count: number) =>
  Array.from({ length: count }, (_, row) => JSON.stringify({ text: `row ${row} of the chunk heading` })).join("\n");

let folder: string;
let splitter: HostSplitter;
let restarts: string[];

beforeEach(async () => {
  folder = await temporaryFolder();
  restarts = [];
});

afterEach(async () => {
  await splitter.close();
  expect(childrenWith("splitter-host")).toEqual([]);
});

/** A splitter over the files, and a shard of each group of them. */
async function open(files: Readonly<Record<string, string>>): Promise<{ job: Job; objects: readonly CorpusObject[] }> {
  await writeFiles(join(folder, "docs"), files);
  const job = splitterJob(folder, { text: ["text"], payload: [] });
  const tokenizerPath = golden("wordpiece-tokenizer.json");
  const onRestart = (reason: string) => void restarts.push(reason);
  splitter = new HostSplitter({
    job,
    store: "s",
    tokenizerPath,
    isDryRun: false,
    limits: defaultWorkLimits,
    onRestart,
  });
  const objects: CorpusObject[] = [];
  for await (const object of (await openSource(job.source)).list()) objects.push(object);
  return { job, objects };
}

const shardOf = (id: string, objects: readonly CorpusObject[]): Shard => {
  return { id, objects, fromRow: 0, fromByte: 0, isFull: false };
};

async function splitAll(job: Job, first: Shard, between: () => void = () => {}): Promise<readonly Split[]> {
  const splits: Split[] = [];
  for (let shard: Shard | undefined = first; shard !== undefined; ) {
    const split: Split = await splitter.split(job, shard);
    splits.push(split);
    shard = split.rest;
    between();
  }
  return splits;
}

const sum = (splits: readonly Split[], field: "bytes" | "documents" | "quarantined") =>
  splits.reduce((total, { counts }) => total + counts[field], 0);

describe("the splitter's process", () => {
  test("reads large objects in turns without reading anything twice", async () => {
    const { job, objects } = await open({ "a.jsonl": rows(20_000), "b.jsonl": rows(20_000) });
    const [a, b] = objects as [CorpusObject, CorpusObject];
    const shards = await Promise.all([splitAll(job, shardOf("a", [a])), splitAll(job, shardOf("b", [b]))]);
    expect(shards.map((splits) => splits.length)).toEqual([3, 3]);
    expect(shards.map((splits) => [sum(splits, "documents"), sum(splits, "bytes")])).toEqual([
      [20_000, a.bytes],
      [20_000, b.bytes],
    ]);
  });

  test("stops reading when nobody wants the part any more, and reads it anew when somebody does", async () => {
    const { job, objects } = await open({ "a.jsonl": rows(20_000), "b.jsonl": rows(200) });
    const [a, b] = objects as [CorpusObject, CorpusObject];
    const first = await splitter.split(job, shardOf("b", [b]));
    const { pid } = splitter;
    const stop = new AbortController();
    const under = splitter.split(job, shardOf("a", [a]), stop.signal);
    const behind = splitter.split(job, shardOf("a2", [a]), stop.signal);
    const ended = Promise.allSettled([under, behind]);
    await delay(150);
    const stoppedAt = performance.now();
    stop.abort(new Error("cancelled"));
    expect(await ended).toEqual([
      { status: "rejected", reason: new Error("cancelled") },
      { status: "rejected", reason: new Error("cancelled") },
    ]);
    expect(performance.now() - stoppedAt).toBeLessThan(3_000);
    await expect(splitter.split(job, shardOf("a3", [a]), stop.signal)).rejects.toThrow("cancelled");
    expect(await splitter.split(job, shardOf("b", [b]))).toEqual(first);
    expect(sum(await splitAll(job, shardOf("a", [a])), "documents")).toBe(20_000);
    expect([splitter.pid, restarts]).toEqual([pid, []]);
  });

  test("kills a reader that does not hear that nobody wants its part", async () => {
    const { job, objects } = await open({ "a.jsonl": rows(20_000) });
    await splitter.split(job, shardOf("warm", objects));
    const pid = splitter.pid as number;
    const stop = new AbortController();
    const under = splitter.split(job, shardOf("a", objects), stop.signal);
    await delay(50);
    signal(pid, "SIGSTOP");
    stop.abort(new Error("cancelled"));
    await expect(under).rejects.toThrow("cancelled");
    expect(sum(await splitAll(job, shardOf("b", objects)), "documents")).toBe(20_000);
    expect(splitter.pid).not.toBe(pid);
    expect(restarts).toEqual([]);
  });

  test("finds its place again by row after a death between two parts, and counts no byte twice", async () => {
    const { job, objects } = await open({ "a.jsonl": rows(20_000) });
    const splits = await splitAll(job, shardOf("a", objects), () => {
      if (splitter.pid !== undefined) signal(splitter.pid, "SIGKILL");
    });
    expect([sum(splits, "documents"), sum(splits, "bytes"), sum(splits, "quarantined")]).toEqual([
      20_000,
      objects[0]?.bytes,
      0,
    ]);
  });

  test("gives up an object that kills it twice, and does the rest of the shard", async () => {
    const { job, objects } = await open({
      "a.md": madeUpMarkdown(1),
      "b.jsonl": rows(8_000),
      "c.md": madeUpMarkdown(2),
    });
    const [, poison] = objects as [CorpusObject, CorpusObject];
    // The process dies whenever the object comes up: it is killed as soon as its file is seen open.
    const killer = setInterval(() => {
      const [pid] = childrenWith("splitter-host");
      if (pid !== undefined && hasOpen(pid, poison.key)) signal(pid, "SIGKILL");
    }, 1);
    const splits = await splitAll(job, shardOf("s", objects)).finally(() => clearInterval(killer));
    expect(restarts).toHaveLength(2);
    expect(sum(splits, "documents")).toBe(2);
    const quarantine = await readFile(join(job.work, "quarantine", "s.jsonl"), "utf8");
    expect(JSON.parse(quarantine)).toMatchObject({ object: "b.jsonl", code: "E_OBJECT_UNREADABLE" });
  });

  test("holds nothing against an object that was read before the process died idle", async () => {
    const { job, objects } = await open({ "a.md": madeUpMarkdown(1) });
    for (let round = 0; round < 4; round += 1) {
      const splits = await splitAll(job, shardOf(`s${round}`, objects));
      expect([sum(splits, "documents"), sum(splits, "quarantined")]).toEqual([1, 0]);
      const { pid } = splitter;
      if (pid !== undefined) signal(pid, "SIGKILL");
      if (round % 2 === 0) await until(() => childrenWith("splitter-host").length === 0, "the death of the host");
    }
  });
});

function hasOpen(pid: number, key: string): boolean {
  try {
    const links = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`));
    return links.some((link) => link.endsWith(`/docs/${key}`));
  } catch {
    return false;
  }
}
