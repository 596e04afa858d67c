import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { compileModel, describeModel } from "@millrace/compiler";
import {
  cosine,
  distance,
  encodeRows,
  openGraph,
  readGolden,
  scale,
  tinyModel,
  tinyModels,
  withFolder,
} from "./support.ts";

describe.each(tinyModels)("tiny BERT %s", (name) => {
  const golden = readGolden(join(tinyModel(name), "golden.json"));

  test("gives the vectors that transformers gives", async () => {
    await withFolder(async (cacheDirectory) => {
      const model = await compileModel(tinyModel(name), { precision: "fp32", cacheDirectory });
      const session = await openGraph(model.graphPath);
      for (const [row, ids] of golden.ids.entries()) {
        const expected = golden.vectors[row] as Float32Array;
        const [vector] = (await encodeRows(session, [ids])) as [Float32Array];
        expect(vector.length).toBe(model.dimensions);
        expect(cosine(vector, expected)).toBeGreaterThanOrEqual(0.99999);
        expect(distance(vector, expected)).toBeLessThanOrEqual(2e-5 * scale(expected));
      }
    });
  });

  test("gives a row the same vector, bit for bit, alone and in a batch", async () => {
    await withFolder(async (cacheDirectory) => {
      const model = await compileModel(tinyModel(name), { precision: "fp32", cacheDirectory });
      const session = await openGraph(model.graphPath);
      for (const length of [2, 8, 17, 64]) {
        const rows = [0, 1, 2, 3, 4].map((row) => Int32Array.from({ length }, (_, at) => (row * 31 + at * 7) % 84));
        const together = await encodeRows(session, rows);
        const alone = await Promise.all(rows.map(async (row) => (await encodeRows(session, [row]))[0]));
        expect(together).toEqual(alone);
      }
    });
  });

  test("is described without being compiled", async () => {
    const model = await describeModel(tinyModel(name));
    expect(model).toMatchObject({ architecture: "bert", dimensions: 32, vocabularySize: 84 });
    expect(model.maxTokens).toBe(name === "mean-normalized" ? 48 : 64);
  });
});

test("describes pooling and normalisation", async () => {
  const facts = await Promise.all(
    tinyModels.map(async (name) => {
      const { pooling, isNormalized, parameters } = await describeModel(tinyModel(name));
      return [name, { pooling, isNormalized, parameters }] as const;
    }),
  );
  expect(Object.fromEntries(facts)).toEqual({
    "bare-encoder": { pooling: "mean", isNormalized: false, parameters: 20912 },
    "cls-large-epsilon": { pooling: "cls", isNormalized: false, parameters: 20912 },
    "legacy-names-fp16": { pooling: "cls", isNormalized: true, parameters: 20912 + 84 },
    "mean-normalized": { pooling: "mean", isNormalized: true, parameters: 20912 },
    "sharded-bf16": { pooling: "mean", isNormalized: true, parameters: 20912 },
  });
});
