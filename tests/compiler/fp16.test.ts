import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { choosePrompt, compileModel, printGraph, probeGraph } from "@millrace/compiler";
import { toHalves } from "@millrace/core";
import { compileInHost } from "@millrace/workers";
import { minilmDirectory } from "../support/minilm.ts";
import { cosine, encodeRows, failureOf, minilmGolden, openGraph, readGolden, tinyModel } from "./support.ts";
import { encodeInBatches, openTiny, readTinyGolden, texts, tinyModelNames, tinyModelPath } from "./tiny-models.ts";

const cacheDirectory = mkdtempSync(join(tmpdir(), "millrace-fp16-"));
afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

/**
 * Operators that the CUDA provider of onnxruntime-gpu 1.30.0 has kernels of, by the class names in its library; none of them
 * leaves its result with the processor, as `Shape` does, so that nothing behind them is carried out there.
 */
const kernels =
  `Add And Cast Concat CumSum Div Expand Gather GatherElements Gelu GreaterOrEqual LayerNormalization LessOrEqual MatMul Max Mul Pad
  RMSNormalization ReduceL2 ReduceMax ReduceSum Relu Reshape Sigmoid Slice Sqrt Squeeze Sub Tanh Transpose Unsqueeze Where
  com.microsoft.Attention com.microsoft.BiasGelu com.microsoft.EmbedLayerNormalization com.microsoft.FastGelu
  com.microsoft.MultiHeadAttention com.microsoft.QuickGelu com.microsoft.RotaryEmbedding
  com.microsoft.SkipLayerNormalization com.microsoft.SkipSimplifiedLayerNormalization`.split(/\s+/);

const each = (rows: readonly unknown[]) => rows.map((_, row) => [row]);

const exported = tinyModelNames.filter((name) => name.startsWith("onnx-"));

test.each(exported)("tiny model %s, an exported graph, is refused in fp16", async (name) => {
  const error = await failureOf(() => compileModel(tinyModelPath(name), { cacheDirectory, precision: "fp16" }));
  expect(error).toMatchObject({ code: "E_MODEL_UNSUPPORTED", why: expect.stringMatching(/^it is an exported graph/) });
});

describe.each(tinyModelNames.filter((name) => !exported.includes(name)))("tiny model %s in fp16", (name) => {
  test.each(["joined", "apart"] as const)(
    "%s, gives nearly the vectors of sentence-transformers",
    async (attention) => {
      const open = await openTiny(tinyModelPath(name), { cacheDirectory, precision: "fp16", attention });
      const { prompts } = open.model;
      const rows = await open.tokenize(texts, choosePrompt(prompts, "document", prompts.defaultName ?? ""));
      const vectors = await encodeInBatches(open.session, rows, each(rows));
      const { vectors: golden } = readTinyGolden(name);
      for (const [row, vector] of vectors.entries())
        expect([row, cosine(vector, golden[row] as Float32Array) >= 0.99999]).toEqual([row, true]);
    },
  );

  test.each(["joined", "apart", "packed"] as const)(
    "%s, needs kernels of the CUDA provider only",
    async (attention) => {
      const model = await compileModel(tinyModelPath(name), { cacheDirectory, precision: "fp16", attention });
      const text = printGraph(await readFile(model.graphPath));
      const used = new Set([...text.matchAll(/ = (\S+?)\(/g)].map(([, operator]) => operator));
      expect([...used].filter((operator) => !kernels.includes(String(operator)))).toEqual([]);
    },
  );
});

describe("an fp16 graph", () => {
  const compile = (options: object = {}) =>
    compileModel(tinyModel("mean-normalized"), { cacheDirectory, precision: "fp16", ...options });

  test("is fused, holds its encoder's floats as halves, and pools in float32", async () => {
    const text = printGraph(await readFile((await compile()).graphPath));
    expect(text.match(/= com\.microsoft\.Attention\(/g)?.length).toBe(
      text.match(/= com\.microsoft\.BiasGelu\(/g)?.length,
    );
    expect(text).not.toMatch(/LayerNormalization\(.*\.sum|= LayerNormalization/);
    expect(text).toMatch(/= Cast\(.*\) \{to=1\}/);
    expect(text).not.toMatch(/initializer layer\.\S+ float32/);
    expect(text).toMatch(/initializer layer\.\S+ float16/);
  });

  test("is another graph for each layout, and the same one again", async () => {
    const digests = await Promise.all(
      [{}, { attention: "joined" }, { attention: "apart" }, { attention: "packed" }].map(
        async (options) => (await compile(options)).graphDigest,
      ),
    );
    expect(digests[0]).toBe(digests[1]);
    expect(new Set(digests).size).toBe(3);
  });

  test("is refused where a weight has no half", async () => {
    const folder = join(cacheDirectory, "huge");
    await cp(tinyModel("mean-normalized"), folder, { recursive: true });
    const weights = join(folder, "model.safetensors");
    const bytes = await readFile(weights);
    const header = JSON.parse(bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0))));
    const [name] = Object.keys(header).filter((key) => /intermediate\.dense\.weight/.test(key));
    const start = 8 + Number(bytes.readBigUInt64LE(0)) + header[String(name)].data_offsets[0];
    bytes.writeFloatLE(70_000, start);
    await writeFile(weights, bytes);
    const error = await failureOf(() => compileModel(folder, { cacheDirectory, precision: "fp16" }));
    expect(error).toMatchObject({ code: "E_MODEL_UNSUPPORTED", why: expect.stringContaining("70000") });
  });
});

test("the graph that tries a device finds the largest id of each row", async () => {
  const path = join(cacheDirectory, "probe.onnx");
  await writeFile(path, await probeGraph());
  const vectors = await encodeRows(await openGraph(path), [Int32Array.of(3, 11, 7), Int32Array.of(2, 0, 1)]);
  expect(vectors).toEqual([Float32Array.of(11), Float32Array.of(2)]);
});

test("floats become halves as numpy rounds them", () => {
  const { floats, halves } = JSON.parse(readFileSync(join(import.meta.dirname, "../golden/halves.json"), "utf8"));
  expect(floats.length).toBeGreaterThan(1000);
  expect([...toHalves(new Float32Array(Uint32Array.from(floats).buffer))]).toEqual(halves);
});

const directory = minilmDirectory();

(directory === undefined ? test.skip : test)(
  "all-MiniLM-L6-v2 in fp16 gives nearly the vectors of sentence-transformers",
  async () => {
    const { graphPath } = await compileModel(directory as string, { precision: "fp16", cacheDirectory });
    const session = await openGraph(graphPath);
    const golden = readGolden(minilmGolden);
    const cosines: number[] = [];
    for (const [row, ids] of golden.ids.entries()) {
      // A processor computes half-precision slowly.
      if (row % 4 !== 0) continue;
      const [vector] = (await encodeRows(session, [ids])) as [Float32Array];
      cosines.push(cosine(vector, golden.vectors[row] as Float32Array));
    }
    expect(Math.min(...cosines)).toBeGreaterThanOrEqual(0.99999);
  },
);

describe("what a compiler with a runtime finds out", () => {
  const cache = mkdtempSync(join(tmpdir(), "millrace-fp16-"));
  afterAll(() => rmSync(cache, { recursive: true, force: true }));
  const compile = (folder: string) => compileInHost({ directory: folder, precision: "fp16", cacheDirectory: cache });

  test("how near fp16 comes to fp32", async () => {
    const { fidelity, precision } = await compile(tinyModel("mean-normalized"));
    expect(precision).toBe("fp16");
    expect(fidelity?.leastCosine).toBeGreaterThan(0.9999);
  });

  test("that states leave the range of float16, though no weight does", async () => {
    const folder = join(cacheDirectory, "overflowing");
    await cp(tinyModel("mean-normalized"), folder, { recursive: true });
    await scaleTensors(join(folder, "model.safetensors"), /output\.dense\.weight$/, 100_000);
    await expect(compile(folder)).rejects.toMatchObject({
      code: "E_MODEL_UNSUPPORTED",
      why: "its states leave the range of float16",
    });
  });
});

/** Multiplies the float32 tensors that a pattern names. */
async function scaleTensors(path: string, pattern: RegExp, factor: number): Promise<void> {
  const bytes = await readFile(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, start));
  for (const name of Object.keys(header).filter((key) => pattern.test(key))) {
    const [first, end] = header[name].data_offsets;
    for (let at = start + first; at < start + end; at += 4)
      bytes.writeFloatLE(Math.max(-60_000, Math.min(60_000, factor * bytes.readFloatLE(at))), at);
  }
  await writeFile(path, bytes);
}
