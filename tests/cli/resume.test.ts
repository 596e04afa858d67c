import type { ChildProcess } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Finished, type Running, run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, randomNumbers, writeFiles } from "../support/corpus.ts";
import { childrenWith, isAlive, signal, until } from "../support/processes.ts";

const seed = 20_26_11;
const kills = 25;
const files = 120;

function index(store: string): readonly string[] {
  const places = ["--store", `${store}/store`, "--work", `${store}/work`];
  return ["index", "docs", "--model", tinyModel, "--json", "--hosts", "2", "--token-budget", "64", ...places];
}

describe("a run that is killed", () => {
  let folder: string;
  let reference: ReadonlyMap<string, string>;
  let milliseconds: number;

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (let file = 0; file < files; file += 1)
      await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file, 6) });
    await writeFiles(folder, {
      "docs/rows.jsonl": Array.from({ length: 2_000 }, (_, row) => JSON.stringify({ text: `row ${row} of many` })).join(
        "\n",
      ),
    });
    const warmed = await run(index("reference"), { cwd: folder });
    expect(warmed.code).toBe(0);
    const startedAt = performance.now();
    expect((await run(index("timed"), { cwd: folder })).code).toBe(0);
    milliseconds = performance.now() - startedAt;
    reference = await pointsOf(join(folder, "reference/store"));
  }, 120_000);

  test(`ends with the same points, bit for bit, after ${kills} kills of the run or of its hosts`, async () => {
    const random = randomNumbers(seed);
    let done = 0;
    for (let job = 0; done < kills; job += 1) {
      const store = `killed-${job}`;
      let outcome: Finished;
      do {
        const running = await start(index(store), { cwd: folder });
        await delay(300 + random() * milliseconds);
        if (random() < 0.4) done += killHost(running, random);
        else done += running.child.kill("SIGKILL") ? 1 : 0;
        outcome = await running.finished;
      } while (outcome.code !== 0);
      expect({ job, points: await differences(join(folder, store, "store"), reference) }).toEqual({ job, points: [] });
      expect(outcome.result.store.points).toBe(reference.size);
    }
  }, 600_000);

  test("an interrupt finishes what is under way, says how to go on, and loses nothing", async () => {
    const { child, finished } = await start(index("interrupted"), { cwd: folder });
    await firstOf(join(folder, "interrupted/work"), "batches");
    child.kill("SIGINT");
    const { code, stderr } = await finished;
    expect(code).toBe(130);
    expect(stderr).toContain("npx millrace index docs --model");
    expect((await run(index("interrupted"), { cwd: folder })).code).toBe(0);
    expect(await differences(join(folder, "interrupted/store"), reference)).toEqual([]);
  }, 120_000);

  test("leaves no process behind", async () => {
    const { child, finished } = await start(index("orphans"), { cwd: folder });
    await firstOf(join(folder, "orphans/work"), "batches");
    const hosts = hostsOf(child);
    expect(hosts.length).toBeGreaterThan(0);
    child.kill("SIGKILL");
    await finished;
    await until(() => !hosts.some(isAlive), "the end of its hosts");
  }, 60_000);

  test("a second run in the same work folder is refused while the first one lives", async () => {
    const { child, finished } = await start(index("busy"), { cwd: folder });
    await firstOf(join(folder, "busy/work"), "batches");
    const second = await run(index("busy"), { cwd: folder });
    expect([second.code, second.result.error?.code]).toEqual([4, "E_STORE_BUSY"]);
    child.kill("SIGKILL");
    await finished;
  }, 60_000);
});

/** What is missing, additional or different in a store, ten points of it at most. */
async function differences(store: string, expected: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const points = await pointsOf(store);
  const ids = [...new Set([...points.keys(), ...expected.keys()])];
  return ids.filter((id) => points.get(id) !== expected.get(id)).slice(0, 10);
}

/** Kills one process the run has started; the run must get over it by itself. */
function killHost({ child }: Running, random: () => number): number {
  const hosts = hostsOf(child);
  const host = hosts[Math.floor(random() * hosts.length)];
  return host !== undefined && signal(host, "SIGKILL") ? 1 : 0;
}

function hostsOf({ pid }: ChildProcess): readonly number[] {
  return childrenWith("host", pid);
}

/** Waits until a job's work folder has files of a kind. */
async function firstOf(work: string, kind: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const names = await readdir(work, { recursive: true }).catch(() => []);
    if (names.some((name) => name.includes(`/${kind}/`))) return;
    await delay(20);
  }
  throw new Error(`no ${kind} appeared in ${work}`);
}
