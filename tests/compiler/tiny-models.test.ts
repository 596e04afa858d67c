import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { choosePrompt, describeModel } from "@millrace/compiler";
import fc from "fast-check";
import { cosine, distance, encodeRows, scale } from "./support.ts";
import { encodeInBatches, openTiny, readTinyGolden, texts, tinyModelNames, tinyModelPath } from "./tiny-models.ts";

const cacheDirectory = mkdtempSync(join(tmpdir(), "millrace-tiny-"));
afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

interface Bounds {
  readonly cosine: number;
  /** Largest difference, as a share of the largest component. */
  readonly share: number;
}

const exact: Bounds = { cosine: 0.99999, share: 2e-5 };

function expectClose(actual: readonly Float32Array[], expected: readonly Float32Array[], bounds = exact): void {
  for (const [row, vector] of actual.entries()) {
    const truth = expected[row] as Float32Array;
    expect(vector.length).toBe(truth.length);
    expect([row, cosine(vector, truth) >= bounds.cosine]).toEqual([row, true]);
    expect([row, distance(vector, truth) <= bounds.share * scale(truth)]).toEqual([row, true]);
  }
}

/** Kernels of quantised and half-precision graphs round in the middle, and not everywhere alike. */
const rounding: Readonly<Record<string, Bounds>> = {
  "onnx-half": { cosine: 0.99999, share: 2e-3 },
  "onnx-int8": { cosine: 0.999, share: 0.05 },
};

describe.each(tinyModelNames)("tiny model %s", (name) => {
  test("gives the vectors that sentence-transformers gives", async () => {
    const { model, session, tokenize } = await openTiny(tinyModelPath(name), { cacheDirectory });
    const golden = readTinyGolden(name);
    const { prompts } = model;
    const encode = async (prompt: string) => {
      const rows = await tokenize(texts, prompt);
      return encodeInBatches(
        session,
        rows,
        rows.map((_, row) => [row]),
      );
    };
    expectClose(
      await encode(choosePrompt(prompts, "document", prompts.defaultName ?? "")),
      golden.vectors,
      rounding[name],
    );
    expectClose(await encode(choosePrompt(prompts, "document")), golden.documents, rounding[name]);
    expectClose(await encode(choosePrompt(prompts, "query")), golden.queries, rounding[name]);
  });

  test("gives a row the same vector, bit for bit, in whatever batch", async () => {
    const { model, session } = await openTiny(tinyModelPath(name), { cacheDirectory });
    const { vocabularySize, maxTokens, isRowIndependent } = model;
    if (!isRowIndependent) return expect(name).toMatch(/^onnx/);
    const lengths = [1, 2, 3, 7, 16, 33, maxTokens].filter((length) => length <= maxTokens);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...lengths),
        fc.infiniteStream(fc.nat(vocabularySize - 1)),
        async (length, ids) => {
          const rows = Array.from({ length: 9 }, () => Int32Array.from(ids.take(length)));
          const alone = await encodeInBatches(
            session,
            rows,
            rows.map((_, row) => [row]),
          );
          const mixed = await encodeInBatches(session, rows, [
            [7, 2],
            [8, 0, 5, 1, 4],
            [3, 6],
          ]);
          expect(mixed).toEqual(alone);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("is described as it is compiled", async () => {
    const { model } = await openTiny(tinyModelPath(name), { cacheDirectory });
    const { files, ...facts } = await describeModel(tinyModelPath(name));
    expect(model).toMatchObject(facts);
    expect(model.files.map((file) => file.name)).toEqual(files.map((file) => file.name));
  });
});

describe("Matryoshka", () => {
  test("keeps the first numbers and normalises them again where they were", async () => {
    for (const [name, isNormalized] of [
      ["pool-cls-mean-max", false],
      ["pool-weighted-last", true],
    ] as const) {
      const { model, session, tokenize } = await openTiny(tinyModelPath(name), { cacheDirectory, dimensions: 10 });
      expect(model).toMatchObject({ dimensions: 10, isNormalized });
      const rows = await tokenize(texts);
      const cut = readTinyGolden(name).vectors.map((vector) => {
        const kept = vector.slice(0, 10);
        const length = isNormalized ? Math.hypot(...kept) : 1;
        return kept.map((value) => value / length);
      });
      expectClose(
        await encodeInBatches(
          session,
          rows,
          rows.map((_, row) => [row]),
        ),
        cut,
      );
    }
  });

  test("all dimensions are the same graph as none said", async () => {
    const whole = await openTiny(tinyModelPath("dense-tanh"), { cacheDirectory });
    const said = await openTiny(tinyModelPath("dense-tanh"), { cacheDirectory, dimensions: 24 });
    expect(said.model).toEqual(whole.model);
  });
});

test.each(["static", "model2vec"])("a text without a token has a vector of zeros in %s", async (name) => {
  const { session } = await openTiny(tinyModelPath(name), { cacheDirectory });
  for (const vector of await encodeRows(session, [new Int32Array(), new Int32Array()])) expect(scale(vector)).toBe(0);
});
