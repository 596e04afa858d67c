import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type CompiledModel, compileModel } from "@millrace/compiler";
import { openSession, type Session, type SessionBinding } from "@millrace/workers";
import { tinyModel } from "../compiler/support.ts";
import { temporaryFolder } from "../support/command-line.ts";
import { batchOf, compileTiny, directly, randomRows } from "../support/tiny-encoder.ts";

/** What every binding's sessions do. */
export function sessionConformance(binding: SessionBinding): void {
  let model: CompiledModel;
  let session: Session;
  const open = (changes: object = {}) =>
    openSession({ ...model, threads: 1, lanes: binding.maximumLanes, binding, ...changes });

  beforeAll(async () => {
    model = await compileTiny(await temporaryFolder());
    session = await open();
  });
  afterAll(() => session.close());

  test("gives what onnxruntime-node gives, bit for bit, also when much is asked at once", async () => {
    const batches = Array.from({ length: 40 }, (_, seed) => randomRows(model, 1, seed)).map((rows) => batchOf(rows));
    const expected = await directly(model, batches);
    const results = await Promise.all(batches.map((batch) => session.run(batch)));
    expect(results.map(bits)).toEqual(expected.map(bits));
  });

  test("rejects an id that is not in the vocabulary, and lives on", async () => {
    const good = batchOf(randomRows(model, 1, 3));
    const bad = { rows: 1, length: 2, ids: Int32Array.of(1, model.vocabularySize + 5) };
    await expect(session.run(bad)).rejects.toThrow(/out of|range|bounds|invalid/i);
    await expect(session.run({ ...good, rows: 3 })).rejects.toThrow();
    expect(bits(await session.run(good))).toBe(bits((await directly(model, [good]))[0] as Float32Array));
  });

  test("ends a run soon that nobody wants any more, where it can, and lives on", async () => {
    const good = batchOf(randomRows(model, 1, 3));
    const expected = bits(await session.run(good));
    const long = { rows: 4_000, length: 40, ids: new Int32Array(4_000 * 40).fill(1) };
    const controller = new AbortController();
    const run = session.run(long, controller.signal).then(bits, (reason: unknown) => reason);
    const { promise, resolve } = Promise.withResolvers<number>();
    setTimeout(() => {
      controller.abort("enough");
      resolve(performance.now());
    }, 5);
    expect(await run).toEqual(binding.endsRuns ? "enough" : bits(await session.run(long)));
    expect(performance.now() - (await promise)).toBeLessThan(binding.endsRuns ? 1_000 : Number.POSITIVE_INFINITY);
    expect(bits(await session.run(good))).toBe(expected);
  });

  test("refuses a graph that is damaged, missing, or no graph", async () => {
    await expect(open({ graphPath: `${model.graphPath}.no` })).rejects.toMatchObject({ code: "E_MODEL_DIGEST" });
    const path = join(await temporaryFolder(), "graph.onnx");
    const bytes = await readFile(model.graphPath);
    await writeFile(path, bytes.subarray(0, bytes.length / 2));
    await expect(open({ graphPath: path })).rejects.toMatchObject({ code: "E_MODEL_DIGEST" });
    await expect(binding.open(bytes.subarray(0, bytes.length / 2), { threads: 1, lanes: 1 })).rejects.toThrow();
    await expect(binding.open(new Uint8Array(100), { threads: 1, lanes: 1 })).rejects.toThrow();
  });

  test("takes weights from what it is given, and from no file of the same name", async () => {
    const options = { precision: "fp32", cacheDirectory: await temporaryFolder(), graphBytes: 20_000 } as const;
    const { graphPath, weights } = await compileModel(tinyModel("mean-normalized"), options);
    const graph = await readFile(graphPath);
    const files = weights.map(async ({ name, path }) => ({ path: name, data: new Uint8Array(await readFile(path)) }));
    const former = process.cwd();
    process.chdir(dirname(graphPath));
    try {
      await expect(binding.open(graph, { threads: 1, lanes: 1 })).rejects.toThrow(/weights-1\.bin/);
      const other = await binding.open(graph, { threads: 1, lanes: 1 }, await Promise.all(files));
      const batch = batchOf(randomRows(model, 1, 3));
      expect(bits(await other.run(batch))).toBe(bits(await session.run(batch)));
      await other.close();
    } finally {
      process.chdir(former);
    }
  });

  test("is of no use once it is closed", async () => {
    const other = await open();
    await other.close();
    await expect(other.run(batchOf(randomRows(model, 1, 3)))).rejects.toThrow();
  });
}

function bits(vectors: Float32Array): string {
  return Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength).toString("base64");
}
