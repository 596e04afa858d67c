import { readFile } from "node:fs/promises";
import { beforeAll, expect, test } from "@jest/globals";
import { compileModel, printGraph } from "@millrace/compiler";
import { MillraceError } from "@millrace/core";
import fc from "fast-check";
import { tinyModel, withFolder } from "./support.ts";

let onnx: Uint8Array;

beforeAll(async () => {
  await withFolder(async (cacheDirectory) => {
    onnx = await readFile(
      (await compileModel(tinyModel("mean-normalized"), { precision: "fp32", cacheDirectory })).graphPath,
    );
  });
});

test("prints inputs, nodes, initializers and outputs", () => {
  const lines = printGraph(onnx).split("\n");
  expect(lines[0]).toBe("graph bert (ai.onnx 23, com.microsoft 1)");
  expect(lines[1]).toBe("input ids int32[batch, sequence]");
  expect(lines).toContain("initializer embeddings.words float32[84, 32]");
  expect(lines).toContain('layer.1.feed-forward.activation = Gelu(layer.1.feed-forward.inner) {approximate="none"}');
  expect(lines).toContain("output vectors float32[batch, 32]");
  expect(lines.find((line) => line.startsWith("embeddings"))).toBe(
    "embeddings, embeddings.mask = com.microsoft.EmbedLayerNormalization(ids, _, embeddings.words, embeddings.positions, _, embeddings.norm.weight, embeddings.norm.bias) {epsilon=1e-12}",
  );
});

test("every value a node reads is made before it, and all are read", () => {
  const lines = printGraph(onnx).split("\n");
  const made = new Set([
    "_",
    "ids",
    ...lines.filter((line) => line.startsWith("initializer")).map((line) => line.split(" ")[1]),
  ]);
  const read = new Set<string>();
  for (const line of lines.filter((text) => text.includes(" = "))) {
    const [outputs = "", call = ""] = line.split(" = ");
    const inputs = call.slice(call.indexOf("(") + 1, call.indexOf(")")).split(", ");
    for (const input of inputs) {
      expect([input, made.has(input)]).toEqual([input, true]);
      read.add(input);
    }
    for (const output of outputs.split(", ")) made.add(output);
  }
  expect([...made].filter((name) => name === undefined || !read.has(name))).toEqual(["embeddings.mask", "vectors"]);
});

test("bytes that are no graph are refused, whatever they are", () => {
  const change = fc.tuple(fc.nat(1500), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), fc.nat(onnx.length), (changes, end) => {
      const bytes = Uint8Array.from(onnx.subarray(0, end));
      for (const [at, value] of changes) if (at < end) bytes[at] = value;
      try {
        printGraph(bytes);
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        expect(error.code).toBe("E_MODEL_INVALID");
      }
    }),
    { numRuns: 500 },
  );
});
