import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type CompiledModel, compileModel, printGraph } from "@millrace/compiler";
import { compileInHost } from "@millrace/workers";
import type { InferenceSession } from "onnxruntime-node";
import { randomNumbers } from "../support/corpus.ts";
import { minilmDirectory } from "../support/minilm.ts";
import { sharpenAttention } from "../support/sharp-attention.ts";
import { cosine, encodeRows, minilmGolden, openGraph, readGolden, tinyModel, withCopy, withFolder } from "./support.ts";

const compileTiny = (cacheDirectory: string, name = "mean-normalized") =>
  compileInHost({ directory: tinyModel(name), precision: "int8", cacheDirectory });

describe("int8", () => {
  test("replaces every product with a weight, and only those", async () => {
    await withFolder(async (cacheDirectory) => {
      const model = await compileTiny(cacheDirectory);
      const lines = printGraph(readFileSync(model.graphPath)).split("\n");
      expect(model.precision).toBe("int8");
      expect(lines.filter((line) => line.includes("MatMulIntegerToFloat("))).toHaveLength(12);
      expect(lines.filter((line) => line.includes(" MatMul("))).toEqual([
        "pooling.sum = MatMul(pooling.ones, layer.1.feed-forward.norm)",
      ]);
    });
  });

  test("gives the same graph each time, and calibrates once", async () => {
    await withFolder(async (folder) => {
      const first = await compileTiny(join(folder, "one"));
      expect((await compileTiny(join(folder, "two"))).graphDigest).toBe(first.graphDigest);
      const options = { precision: "int8", cacheDirectory: join(folder, "one") } as const;
      expect(await compileModel(tinyModel("mean-normalized"), options)).toEqual(first);
    });
  });

  test.each(["distilbert", "mpnet", "modernbert", "qwen3", "nomic-bert", "dense-tanh", "static"])(
    "stays near the vectors of fp32 in %s",
    async (name) => {
      await withFolder(async (cacheDirectory) => {
        const { fidelity } = await compileTiny(cacheDirectory, name);
        expect(fidelity?.leastCosine).toBeGreaterThanOrEqual(0.98);
        expect(fidelity?.errorShare).toBeLessThanOrEqual(0.01);
      });
    },
  );

  test("auto takes it where it is faithful", async () => {
    await withFolder(async (cacheDirectory) => {
      const directory = tinyModel("mean-normalized");
      const model = await compileInHost({ directory, precision: "auto", cacheDirectory });
      expect(model).toMatchObject({ precision: "int8", graphDigest: (await compileTiny(cacheDirectory)).graphDigest });
      expect(model.rejected).toBeUndefined();
    });
  });

  test("auto keeps fp32 where int8 changes the vectors, and says by how much", async () => {
    await withCopy("mean-normalized", async (directory, cacheDirectory) => {
      sharpenAttention(directory);
      const exact = await compileInHost({ directory, precision: "fp32", cacheDirectory });
      const model = await compileInHost({ directory, precision: "auto", cacheDirectory });
      expect(model).toMatchObject({ precision: "fp32", graphDigest: exact.graphDigest });
      expect(model.rejected?.errorShare).toBeGreaterThan(0.01);
    });
  });
});

const minilm = minilmDirectory();

(minilm === undefined ? describe.skip : describe)("all-MiniLM-L6-v2 in int8", () => {
  const golden = readGolden(minilmGolden);
  const cacheDirectory = mkdtempSync(join(tmpdir(), "millrace-int8-"));
  let model: CompiledModel;
  let session: InferenceSession;

  beforeAll(async () => {
    model = await compileInHost({ directory: minilm as string, precision: "int8", cacheDirectory });
    session = await openGraph(model.graphPath);
  });
  afterAll(async () => {
    await session.release();
    rmSync(cacheDirectory, { recursive: true, force: true });
  });

  test("stays near the vectors of sentence-transformers, for odd texts too", async () => {
    const cosines: number[] = [];
    for (const [row, ids] of golden.ids.entries()) {
      const [vector] = (await encodeRows(session, [ids])) as [Float32Array];
      cosines.push(cosine(vector, golden.vectors[row] as Float32Array));
    }
    expect(cosines.reduce((sum, value) => sum + value, 0) / cosines.length).toBeGreaterThanOrEqual(0.996);
    expect(Math.min(...cosines)).toBeGreaterThanOrEqual(0.985);
    expect(model.fidelity?.meanCosine).toBeGreaterThanOrEqual(0.997);
    expect(model.fidelity?.errorShare).toBeLessThanOrEqual(0.005);
  });

  test("gives a row the same bits whatever rows are beside it", async () => {
    const random = randomNumbers(8);
    const long = golden.ids.filter(({ length }) => length >= 60);
    for (const length of [1, 2, 3, 7, 16, 33, 60]) {
      const rows = long.map((ids) => ids.slice(0, length));
      const alone = new Map<Int32Array, Float32Array>();
      for (const ids of rows) alone.set(ids, (await encodeRows(session, [ids]))[0] as Float32Array);
      for (let round = 0; round < 3; round += 1) {
        const batch = rows.filter(() => random() < 0.6).sort(() => random() - 0.5);
        const together = batch.length === 0 ? [] : await encodeRows(session, batch);
        for (const [row, vector] of together.entries()) expect(vector).toEqual(alone.get(batch[row] as Int32Array));
      }
    }
  });
});
