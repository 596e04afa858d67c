import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type CompiledModel, compileModel } from "@millrace/compiler";
import type { InferenceSession } from "onnxruntime-node";
import { Tokenizer } from "tokenizers";
import { minilmDirectory } from "../support/minilm.ts";
import { cosine, distance, encodeRows, minilmGolden, openGraph, readGolden } from "./support.ts";

const directory = minilmDirectory();

(directory === undefined ? describe.skip : describe)("all-MiniLM-L6-v2 against sentence-transformers", () => {
  const golden = readGolden(minilmGolden);
  const cacheDirectory = mkdtempSync(join(tmpdir(), "millrace-minilm-"));
  let model: CompiledModel;
  let session: InferenceSession;

  beforeAll(async () => {
    model = await compileModel(directory as string, { precision: "fp32", cacheDirectory });
    session = await openGraph(model.graphPath);
  });
  afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

  test("describes the model", () => {
    expect(model).toMatchObject({
      architecture: "bert",
      dimensions: 384,
      maxTokens: 256,
      vocabularySize: 30522,
      parameters: 22713216,
      pooling: "mean",
      isNormalized: true,
    });
  });

  test("gives the same vectors", async () => {
    for (const [row, ids] of golden.ids.entries()) {
      const expected = golden.vectors[row] as Float32Array;
      const [vector] = (await encodeRows(session, [ids])) as [Float32Array];
      expect(cosine(vector, expected)).toBeGreaterThanOrEqual(0.99999);
      expect(distance(vector, expected)).toBeLessThanOrEqual(2e-5);
    }
  });

  test("its tokenizer.json gives the same ids", async () => {
    const tokenizer = Tokenizer.fromFile(model.tokenizerPath);
    tokenizer.setTruncation(model.maxTokens);
    tokenizer.disablePadding();
    for (const [row, text] of golden.texts.entries()) {
      const encoding = await tokenizer.encode(text);
      expect([row, ...encoding.getIds()]).toEqual([row, ...(golden.ids[row] ?? [])]);
    }
  });

  test("gives a row the same vector alone and in a batch", async () => {
    const rows = golden.ids.filter(({ length }) => length === 256);
    expect(rows.length).toBeGreaterThan(2);
    const batches = [rows, ...[16, 32, 64].map((length) => rows.map((ids) => ids.slice(0, length)))];
    for (const batch of batches) {
      const together = await encodeRows(session, batch);
      for (const [row, vector] of together.entries()) {
        const [alone] = (await encodeRows(session, [batch[row] as Int32Array])) as [Float32Array];
        expect(distance(vector, alone)).toBeLessThanOrEqual(1e-6);
      }
    }
  });

  test("refuses ids outside the vocabulary", async () => {
    await expect(encodeRows(session, [Int32Array.of(101, 30522, 102)])).rejects.toThrow();
    await expect(encodeRows(session, [Int32Array.of(101, -1, 102)])).rejects.toThrow();
  });
});
