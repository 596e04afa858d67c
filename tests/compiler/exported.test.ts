import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { compileModel, describeModel } from "@millrace/compiler";
import { MillraceError } from "@millrace/core";
import { createEncoderPool, encodeRows } from "@millrace/workers";
import fc from "fast-check";
import { failureOf, withFolder } from "./support.ts";
import { openTiny, texts, tinyModelPath } from "./tiny-models.ts";

/** Runs `use` with a copy of an exported model, and a cache folder. */
function withExported<Result>(
  name: string,
  use: (model: string, cacheDirectory: string) => Promise<Result>,
): Promise<Result> {
  return withFolder(async (folder) => {
    await cp(tinyModelPath(name), join(folder, "model"), { recursive: true });
    return use(join(folder, "model"), join(folder, "cache"));
  });
}

const graphOf = (model: string) => join(model, "onnx/model.onnx");

/** Puts another name of the same length into the graph, or other bytes. */
function replaceIn(path: string, from: string, to: string): void {
  expect(to.length).toBe(from.length);
  const bytes = readFileSync(path).toString("latin1");
  expect(bytes.includes(from)).toBe(true);
  writeFileSync(path, Buffer.from(bytes.replaceAll(from, to), "latin1"));
}

test("rows that stand together have the vectors they have alone, where the graph itself would not see to it", async () => {
  await withFolder(async (cacheDirectory) => {
    const { model, tokenize } = await openTiny(tinyModelPath("onnx-int8"), { cacheDirectory });
    const rows = await tokenize([...texts, ...texts.slice(0, 3)]);
    const pool = await createEncoderPool({ model, hosts: 2, tokenBudget: 4096 });
    try {
      const alone = [];
      for (const row of rows) alone.push((await encodeRows(pool, [row])).vectors);
      const { vectors } = await encodeRows(pool, rows);
      const { dimensions } = model;
      expect(rows.map((_, row) => vectors.slice(row * dimensions, (row + 1) * dimensions))).toEqual(alone);
    } finally {
      await pool.close();
    }
  });
});

test("a graph is taken that was asked for, though there are weights", async () => {
  await withFolder(async (folder) => {
    const model = join(folder, "model");
    await cp(tinyModelPath("pool-cls-mean-max"), model, { recursive: true });
    mkdirSync(join(model, "exports"));
    await cp(graphOf(tinyModelPath("onnx-int8")), join(model, "exports/q.onnx"));
    const described = await describeModel(model, { onnxFile: "exports/q.onnx" });
    expect(described.files.map(({ name }) => name)).toContain("exports/q.onnx");
    expect(described.files.map(({ name }) => name)).not.toContain("model.safetensors");
    expect((await describeModel(model)).files.map(({ name }) => name)).toContain("model.safetensors");
    const outside = await failureOf(() => describeModel(model, { onnxFile: "../model.onnx" }));
    expect([outside.code, outside.message]).toEqual(["E_CONFIG", expect.stringContaining("does not lie in")]);
    const missing = await failureOf(() => describeModel(model, { onnxFile: "onnx/none.onnx" }));
    expect([missing.code, missing.message]).toEqual(["E_MODEL_INVALID", expect.stringContaining("onnx/none.onnx")]);
  });
});

test("what a directory without a known config.json does not say is taken from graph and tokenizer", async () => {
  await withExported("onnx-states", async (model) => {
    for (const name of ["config.json", "modules.json", "sentence_bert_config.json"]) rmSync(join(model, name));
    const facts = { dimensions: 32, pooling: "mean", vocabularySize: 275, maxTokens: 64 };
    expect(await describeModel(model)).toMatchObject({ architecture: "onnx", ...facts });
    writeFileSync(join(model, "config.json"), '{"model_type": "novel", "max_position_embeddings": 40}');
    expect(await describeModel(model)).toMatchObject({ architecture: "novel", ...facts, maxTokens: 40 });
  });
});

describe("a graph that cannot be used is refused in one line", () => {
  const cases: readonly (readonly [string, (graph: string) => unknown, string, string])[] = [
    [
      "an unknown input",
      (graph) => replaceIn(graph, "attention_mask", "attention_kind"),
      "E_MODEL_UNSUPPORTED",
      "attention_kind",
    ],
    [
      "an unknown output",
      (graph) => replaceIn(graph, "last_hidden_state", "logits_of_classes"),
      "E_MODEL_UNSUPPORTED",
      "logits_of_classes",
    ],
    [
      "a file that is not ONNX",
      (graph) => writeFileSync(graph, "version https://git-lfs.github.com/spec/v1\n"),
      "E_MODEL_INVALID",
      "model.onnx",
    ],
    ["an empty file", (graph) => writeFileSync(graph, ""), "E_MODEL_INVALID", "it holds no graph"],
    [
      "half of a file",
      (graph) => writeFileSync(graph, readFileSync(graph).subarray(0, 60_000)),
      "E_MODEL_INVALID",
      "it is not an ONNX file",
    ],
  ];
  test.each(cases)("%s", async (_, damage, code, says) => {
    await withExported("onnx-states", async (model, cacheDirectory) => {
      damage(graphOf(model));
      for (const call of [
        () => compileModel(model, { precision: "fp32", cacheDirectory }),
        () => describeModel(model),
      ]) {
        const error = await failureOf(call);
        expect(error.code).toBe(code);
        expect(error.message).toContain(says);
        expect(error.message).not.toContain("\n");
      }
    });
  });

  test("bytes that somebody changed", async () => {
    const original = readFileSync(graphOf(tinyModelPath("onnx-half")));
    await withExported("onnx-half", async (model, cacheDirectory) => {
      const change = fc.tuple(fc.nat(original.length - 1), fc.nat(255));
      await fc.assert(
        fc.asyncProperty(fc.array(change, { maxLength: 6 }), fc.nat(original.length), async (changes, end) => {
          const bytes = Uint8Array.from(original.subarray(0, end));
          for (const [at, value] of changes) if (at < end) bytes[at] = value;
          writeFileSync(graphOf(model), bytes);
          await compileModel(model, { precision: "fp32", cacheDirectory }).catch((error) => {
            if (!(error instanceof MillraceError)) throw error;
            expect(["E_MODEL_INVALID", "E_MODEL_UNSUPPORTED"]).toContain(error.code);
          });
        }),
        { numRuns: 60 },
      );
    });
  });
});

describe("weights in a file beside the graph", () => {
  test("are read into the compiled graph", async () => {
    await withFolder(async (cacheDirectory) => {
      const [inline, apart] = await Promise.all(
        ["onnx-states", "onnx-data"].map((name) => openTiny(tinyModelPath(name), { cacheDirectory })),
      );
      expect(apart?.model.files.map(({ name }) => name)).toContain("onnx/model.onnx_data");
      expect(apart?.model.parameters).toBe(inline?.model.parameters);
    });
  });

  test("are not looked for anywhere else", async () => {
    await withExported("onnx-data", async (model, cacheDirectory) => {
      renameSync(join(model, "onnx/model.onnx_data"), join(model, "model.onnx_data"));
      const compile = () => compileModel(model, { precision: "fp32", cacheDirectory });
      expect((await failureOf(compile)).code).toBe("E_MODEL_INVALID");
      replaceIn(graphOf(model), "model.onnx_data", "../model.o_data");
      const error = await failureOf(compile);
      expect([error.code, error.message]).toEqual(["E_MODEL_INVALID", expect.stringContaining("not beside the file")]);
    });
  });
});
