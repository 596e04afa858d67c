import { appendFile, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { CompiledModel } from "@millrace/compiler";
import { inPieces, type TokenBatch } from "@millrace/core";
import {
  createEncoderPool,
  type EncoderPool,
  type EncoderPoolOptions,
  encodeRows,
  sessionBindings,
} from "@millrace/workers";
import { temporaryFolder } from "../../support/command-line.ts";
import { randomNumbers } from "../../support/corpus.ts";
import { childrenWith, signal, until } from "../../support/processes.ts";
import { batchOf, compileTiny, directly, randomRows } from "../../support/tiny-encoder.ts";

/** Processes with one lane each, and one process with several. */
const shapes = [{ hosts: 2 }, { hosts: 1, lanes: 3 }];
const hosts = () => childrenWith("encoder-host");
const canEndRuns = sessionBindings[0]?.endsRuns === true;
let model: CompiledModel;
let pool: EncoderPool;

beforeAll(async () => {
  model = await compileTiny(await temporaryFolder());
});

afterEach(async () => {
  await pool?.close();
  expect(hosts()).toEqual([]);
});

async function open(options: Partial<EncoderPoolOptions> = {}): Promise<EncoderPool> {
  pool = await createEncoderPool({ model, hosts: 2, ...options });
  return pool;
}

/** Batches of rows of equal length, as many as come together. */
function randomBatches(count: number, seed: number): readonly TokenBatch[] {
  const byLength = Map.groupBy(randomRows(model, count, seed), (row) => row.length);
  return [...byLength.values()].flatMap((rows) => inPieces(rows, 1 + (seed % 7)).map(batchOf));
}

describe("a pool of encoder hosts", () => {
  test.each(shapes)("of %p gives what one session gives, bit for bit, however rows are batched", async (shape) => {
    await open(shape);
    const rows = randomRows(model, 60, 5);
    const alone = await directly(
      model,
      rows.map((row) => batchOf([row])),
    );
    for (const budget of [1, 40, 300, 5_000]) {
      const { vectors, failed } = await encodeRows(Object.create(pool, { tokenBudget: { value: budget } }), rows);
      expect(failed.size).toBe(0);
      for (const [row, vector] of alone.entries()) {
        const got = vectors.slice(row * pool.dimensions, (row + 1) * pool.dimensions);
        expect({ budget, row, bits: bits(got) }).toEqual({ budget, row, bits: bits(vector) });
      }
    }
  });

  test.each(shapes)("of %p gets everything right while its hosts are killed", async (shape) => {
    const restarts: string[] = [];
    await open({ ...shape, onRestart: (reason) => restarts.push(reason) });
    const random = randomNumbers(11);
    const batches = Array.from({ length: 3 }, (_, seed) => randomBatches(120, seed)).flat();
    const expected = await directly(model, batches);
    let kills = 0;
    while (kills < 36) {
      const results = Promise.all(batches.map((batch) => pool.encode(batch)));
      for (let kill = 0; kill < 4; kill += 1) {
        await delay(random() * 12);
        // Also hosts that are still starting.
        const pids = hosts();
        const pid = pids[Math.floor(random() * pids.length)];
        if (pid !== undefined && signal(pid, "SIGKILL")) kills += 1;
      }
      expect((await results).map(bits)).toEqual(expected.map(bits));
    }
    expect(restarts.length).toBeGreaterThan(20);
  });

  test.each(shapes)("of %p kills a host that hangs, and its runs are done", async (shape) => {
    await open({ ...shape, hangMilliseconds: 400 });
    const batches = randomBatches(60, 3);
    const expected = await directly(model, batches);
    for (const pid of pool.pids()) signal(pid, "SIGSTOP");
    const results = await Promise.all(batches.map((batch) => pool.encode(batch)));
    expect(results.map(bits)).toEqual(expected.map(bits));
  });

  test("blames the run that is at fault, not those that were computed beside it", async () => {
    await open({ hosts: 1, lanes: 3, hangMilliseconds: 700 });
    const good = Array.from({ length: 8 }, (_, seed) => randomBatches(20, seed)).flat();
    const expected = await directly(model, good);
    const endless = { rows: 20_000, length: 40, ids: new Int32Array(20_000 * 40).fill(1) };
    const results = good.map((batch) => pool.encode(batch));
    const bad = expect(pool.encode(endless)).rejects.toMatchObject({ code: "E_ROW_ENCODE" });
    const more = good.map((batch) => pool.encode(batch));
    expect((await Promise.all([...results, ...more])).map(bits)).toEqual([...expected, ...expected].map(bits));
    await bad;
  });

  (canEndRuns ? test : test.skip)(
    "ends a run at once that nobody wants any more, and leaves the host alone",
    async () => {
      await open({ hosts: 1, lanes: 2 });
      const pids = pool.pids();
      const good = batchOf(randomRows(model, 1, 1));
      const long = { rows: 3_000, length: 40, ids: new Int32Array(3_000 * 40).fill(1) };
      const startedAt = performance.now();
      await pool.encode(long);
      const whole = performance.now() - startedAt;
      const waits: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const controller = new AbortController();
        // Two are computed, one waits in the host, one here.
        const runs = Promise.allSettled([1, 2, 3, 4].map(() => pool.encode(long, controller.signal)));
        await delay(whole / 4);
        const askedAt = performance.now();
        controller.abort("enough");
        for (const run of await runs) expect(run).toEqual({ status: "rejected", reason: "enough" });
        waits.push(performance.now() - askedAt);
        expect(bits(await pool.encode(good))).toEqual(bits((await directly(model, [good]))[0] as Float32Array));
      }
      // A run ends between two nodes of its graph, and of such a batch each takes a while.
      expect(Math.min(...waits)).toBeLessThan(whole / 2);
      expect(pool.pids()).toEqual(pids);
    },
  );

  test("rejects a run with an id that is not in the vocabulary, and lives on", async () => {
    await open();
    const good = batchOf(randomRows(model, 1, 1));
    const pids = pool.pids();
    const bad = pool.encode({ rows: 1, length: 2, ids: Int32Array.of(1, model.vocabularySize + 5) });
    await expect(bad).rejects.toMatchObject({ code: "E_INTERNAL" });
    expect(bits(await pool.encode(good))).toEqual(bits((await directly(model, [good]))[0] as Float32Array));
    expect(pool.pids()).toEqual(pids);
  });

  test("rejects what is not done when it is closed, and what comes after", async () => {
    await open();
    const batches = Array.from({ length: 40 }, (_, seed) => randomBatches(30, seed)).flat();
    const runs = Promise.allSettled(batches.map((batch) => pool.encode(batch)));
    await pool.close();
    expect(hosts()).toEqual([]);
    const rejected = (await runs).filter(({ status }) => status === "rejected");
    expect(rejected.length).toBeGreaterThan(0);
    for (const run of rejected) expect(run).toMatchObject({ reason: { code: "E_HOST" } });
    await expect(pool.encode(batches[0] as TokenBatch)).rejects.toMatchObject({ code: "E_HOST" });
  });

  test("ends hosts that do not listen when it is closed", async () => {
    await open();
    for (const pid of pool.pids()) signal(pid, "SIGSTOP");
    await pool.close();
    expect(hosts()).toEqual([]);
  }, 15_000);

  test("closed while a killed host is being replaced, it leaves none behind", async () => {
    await open();
    for (const pid of pool.pids()) signal(pid, "SIGKILL");
    await until(() => pool.pids().length === 0, "the death of the hosts");
    await pool.close();
    expect(hosts()).toEqual([]);
  });

  test("gives up when hosts die again and again, and says so to everyone", async () => {
    await open({ hosts: 1 });
    const batches = randomBatches(40, 2);
    let isOver = false;
    const runs = Promise.allSettled(batches.map((batch) => pool.encode(batch))).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      // Stopped first, so that no run is finished in between.
      for (const pid of hosts()) if (signal(pid, "SIGSTOP")) signal(pid, "SIGKILL");
      await delay(1);
    }
    const codes = new Set((await runs).map((run) => (run.status === "rejected" ? run.reason.code : "done")));
    expect(codes.has("E_HOST")).toBe(true);
    await expect(pool.encode(batches[0] as TokenBatch)).rejects.toMatchObject({ code: "E_HOST" });
    const { failed } = await encodeRows(pool, randomRows(model, 3, 1)).catch((error) => ({ failed: error.code }));
    expect(failed).toBe("E_HOST");
  });
});

describe("a graph that is not what it was", () => {
  test.each([
    ["damaged", "E_MODEL_DIGEST", (path: string) => appendFile(path, "x")],
    ["gone", "E_MODEL_DIGEST", (path: string) => rm(path)],
  ])("%s: the pool fails at once and leaves no process", async (_, code, damage) => {
    const own = await compileTiny(await temporaryFolder());
    await damage(own.graphPath);
    const startedAt = performance.now();
    const error = await createEncoderPool({ model: own, hosts: 2 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code });
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    expect(hosts()).toEqual([]);
  });

  test("damaged while the pool works: a restart does not try for ever", async () => {
    const own = await compileTiny(await temporaryFolder());
    await open({ model: own, hosts: 1 });
    await appendFile(own.graphPath, "x");
    for (const pid of pool.pids()) signal(pid, "SIGKILL");
    await until(() => pool.pids().length === 0, "the death of the host");
    await expect(pool.encode(batchOf(randomRows(own, 1, 1)))).rejects.toMatchObject({ code: "E_MODEL_DIGEST" });
  });
});

function bits(vectors: Float32Array): string {
  return Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength).toString("base64");
}
