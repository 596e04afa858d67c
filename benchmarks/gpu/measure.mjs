import { readFileSync } from "node:fs";
import { engines } from "./engines.mjs";

/**
 * One measurement in a process of its own, since ONNX Runtime reads switches from the environment once: takes a `Task` as
 * JSON from the file that its argument names, prints what came out as JSON.
 *
 * @typedef {object} Task
 * @property {"parity" | "rates" | "mixed"} kind
 * @property {import("@millrace/compiler").CompiledModel} model
 * @property {import("@millrace/workers").ReadyDevice} device
 * @property {number} hosts
 * @property {readonly (readonly [rows: number, length: number])[]} shapes
 * @property {number} seconds For each shape.
 * @property {number} [tokenBudget]
 * @property {readonly number[]} [batches] Rows that are handed over at once, for `mixed`.
 * @property {"basic" | "all"} [optimization]
 */

const { createEncoderPool, encodeRows } = engines;
/** @type {Task} */
const task = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
const { model, device, hosts, optimization } = task;
const startedAt = performance.now();
const pool = await createEncoderPool({
  model,
  device,
  hosts,
  ...(task.tokenBudget && { tokenBudget: task.tokenBudget }),
  ...(optimization && { optimization }),
});
const startMilliseconds = performance.now() - startedAt;
try {
  const results = { parity: measureParity, rates: measureRates, mixed: measureMixed }[task.kind];
  process.stdout.write(JSON.stringify({ engine: pool.engine, startMilliseconds, ...(await results()) }));
} finally {
  await pool.close();
}

/** Vectors of a few rows, alone and among others. */
async function measureParity() {
  const rows = [...new Set(task.shapes.map(([, length]) => length))].map((length, index) => idsOf(length, index));
  const vectors = [];
  let mostMoved = 0;
  for (const row of rows) {
    const alone = await pool.encode({ rows: 1, length: row.length, ids: row });
    vectors.push(Buffer.from(alone.buffer, alone.byteOffset, alone.byteLength).toString("base64"));
    for (const [count] of task.shapes) {
      const others = Array.from({ length: count }, (_, index) => idsOf(row.length, 100 + index));
      others[count - 1] = row;
      const ids = new Int32Array(count * row.length);
      for (const [index, other] of others.entries()) ids.set(other, index * row.length);
      const together = (await pool.encode({ rows: count, length: row.length, ids })).slice(-model.dimensions);
      mostMoved = together.reduce(
        (most, value, index) => Math.max(most, Math.abs(value - (alone[index] ?? Number.NaN))),
        mostMoved,
      );
    }
  }
  return { vectors, mostMoved };
}

/** Each shape over and over, with as many runs under way as the hosts take. */
async function measureRates() {
  const rates = [];
  const longestFirst = [...task.shapes].sort((a, b) => b[0] * b[1] - a[0] * a[1]);
  for (const [rows, length] of longestFirst) {
    const ids = idsOf(rows * length, rows);
    const batch = { rows, length, ids };
    const firstAt = performance.now();
    await pool.encode(batch);
    const firstMilliseconds = performance.now() - firstAt;
    await pool.encode(batch);
    let runs = 0;
    const from = performance.now();
    const until = from + task.seconds * 1000;
    const lane = async () => {
      do {
        await pool.encode(batch);
        runs += 1;
      } while (performance.now() < until);
    };
    await Promise.all(Array.from({ length: 2 * hosts }, lane));
    const seconds = (performance.now() - from) / 1000;
    rates.push({
      rows,
      length,
      runs,
      firstMilliseconds: round(firstMilliseconds),
      millisecondsPerRun: round((seconds * 1000) / runs),
      tokensPerSecond: Math.round((runs * rows * length) / seconds),
    });
  }
  return { rates };
}

/** Texts of many lengths, batch after batch, in exact-length runs, as a job's batches are encoded. */
async function measureMixed() {
  const rates = [];
  const longest = Math.max(...task.shapes.map(([, length]) => length));
  for (const batch of task.batches ?? []) {
    const rows = Array.from({ length: batch }, (_, index) => idsOf(lengthOf(index, longest), index));
    const tokens = rows.reduce((sum, row) => sum + row.length, 0);
    let runs = 0;
    await encodeRows(pool, rows.slice(0, Math.ceil(batch / 8)));
    const from = performance.now();
    const onRun = () => {
      runs += 1;
    };
    let rounds = 0;
    do {
      await encodeRows(pool, rows, { onRun });
      rounds += 1;
    } while (performance.now() < from + task.seconds * 1000);
    const seconds = (performance.now() - from) / 1000;
    rates.push({
      batch,
      tokensPerRun: Math.round((tokens * rounds) / runs),
      tokensPerSecond: Math.round((tokens * rounds) / seconds),
    });
  }
  return { rates };
}

/** Chunks are cut at the longest length: a third of them has it nearly, the others are spread below. @param {number} index @param {number} longest */
function lengthOf(index, longest) {
  const share = ((index * 2_654_435_761) % 2 ** 32) / 2 ** 32;
  return Math.max(1, Math.round(longest * (share < 1 / 3 ? 1 - share / 4 : 0.05 + 0.95 * share)));
}

/** @param {number} count @param {number} seed */
function idsOf(count, seed) {
  return Int32Array.from(
    { length: count },
    (_, index) => (index * 7_919 + seed * 104_729 + 101) % model.vocabularySize,
  );
}

/** @param {number} value */
function round(value) {
  return Number(value.toFixed(3));
}
