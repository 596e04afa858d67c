import { mkdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { compileModel, describeModel } from "@millrace/compiler";
import type { ErrorCode } from "@millrace/core";
import { failureOf, withCopy, withFolder } from "./support.ts";

type Values = Record<string, unknown>;

async function change(path: string, edit: (values: Values) => unknown): Promise<void> {
  const values = JSON.parse(await readFile(path, "utf8")) as Values;
  await writeFile(path, JSON.stringify(edit(values) ?? values));
}

/** Rewrites a safetensors header; the data stays. */
async function changeHeader(path: string, edit: (header: Record<string, Values>) => unknown): Promise<void> {
  const bytes = await readFile(path);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, end).toString());
  edit(header);
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  await writeFile(path, Buffer.concat([length, json, bytes.subarray(end)]));
}

interface Case {
  readonly name: string;
  readonly model?: string;
  readonly damage: (model: string) => Promise<unknown>;
  readonly code: ErrorCode;
  readonly says: readonly string[];
}

const config = (edit: (values: Values) => unknown) => (model: string) => change(join(model, "config.json"), edit);
const pooling = (edit: (values: Values) => unknown) => (model: string) =>
  change(join(model, "1_Pooling/config.json"), edit);
const modules = (edit: (values: Values) => unknown) => (model: string) => change(join(model, "modules.json"), edit);
const weights = (model: string) => join(model, "model.safetensors");

const cases: readonly Case[] = [
  {
    name: "no config.json",
    damage: (model) => rm(join(model, "config.json")),
    code: "E_MODEL_INVALID",
    says: ["is not a model directory", "it has no config.json", "Name a directory"],
  },
  {
    name: "a config.json that is not JSON",
    damage: (model) => writeFile(join(model, "config.json"), "{"),
    code: "E_MODEL_INVALID",
    says: ["config.json", "not JSON"],
  },
  {
    name: "a config.json that is a list",
    damage: (model) => writeFile(join(model, "config.json"), "[]"),
    code: "E_MODEL_INVALID",
    says: ["config.json", "not a JSON object"],
  },
  {
    name: "another architecture",
    damage: config((values) => ({ ...values, model_type: "mamba" })),
    code: "E_MODEL_UNSUPPORTED",
    says: ["config.json", 'model_type "mamba" is not supported', "Supported: albert, bert, "],
  },
  {
    name: "an architecture of Object.prototype",
    damage: config((values) => ({ ...values, model_type: "constructor" })),
    code: "E_MODEL_UNSUPPORTED",
    says: ['model_type "constructor"', "Supported: albert, bert, "],
  },
  {
    name: "another activation",
    damage: config((values) => ({ ...values, hidden_act: "mish" })),
    code: "E_MODEL_UNSUPPORTED",
    says: ['hidden_act "mish"', "Supported: gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, relu, silu, swish."],
  },
  {
    name: "relative positions",
    damage: config((values) => ({ ...values, position_embedding_type: "relative_key" })),
    code: "E_MODEL_UNSUPPORTED",
    says: ['position_embedding_type "relative_key"', "Supported: absolute, alibi."],
  },
  {
    name: "a decoder",
    damage: config((values) => ({ ...values, is_decoder: true })),
    code: "E_MODEL_UNSUPPORTED",
    says: ["is_decoder true"],
  },
  {
    name: "a size that is text",
    damage: config((values) => ({ ...values, hidden_size: "32" })),
    code: "E_MODEL_INVALID",
    says: ["config.json", 'hidden_size is "32"'],
  },
  {
    name: "heads that do not divide the width",
    damage: config((values) => ({ ...values, num_attention_heads: 5 })),
    code: "E_MODEL_INVALID",
    says: ["num_attention_heads is 5", "hidden_size 32"],
  },
  {
    name: "no tokenizer.json",
    damage: (model) => rm(join(model, "tokenizer.json")),
    code: "E_MODEL_INVALID",
    says: ["it has no tokenizer.json"],
  },
  {
    name: "weights only as a pickle",
    damage: (model) => rename(weights(model), join(model, "pytorch_model.bin")),
    code: "E_MODEL_INVALID",
    says: ["pytorch_model.bin is a pickle", "Save the model as safetensors."],
  },
  {
    name: "a missing tensor",
    damage: config((values) => ({ ...values, num_hidden_layers: 3 })),
    code: "E_MODEL_INVALID",
    says: ["model.safetensors", 'tensor "encoder.layer.2.attention.self.query.weight" is missing'],
  },
  {
    name: "a tensor of another shape",
    damage: config((values) => ({ ...values, vocab_size: 83 })),
    code: "E_MODEL_INVALID",
    says: ['"embeddings.word_embeddings.weight" has shape [84,32], config.json says [83,32]'],
  },
  {
    name: "weights of integers",
    damage: (model) =>
      changeHeader(weights(model), (header) => {
        for (const tensor of Object.values(header)) if (tensor.dtype === "F32") tensor.dtype = "I32";
      }),
    code: "E_MODEL_UNSUPPORTED",
    says: ["holds I32", "Supported: F32, F16, BF16, F64."],
  },
  {
    name: "a header that is too long",
    damage: async (model) => {
      const bytes = await readFile(weights(model));
      bytes.writeBigUInt64LE(200_000_000n);
      await writeFile(weights(model), bytes);
    },
    code: "E_SAFETENSORS",
    says: ["model.safetensors", "claims 200000000 bytes"],
  },
  {
    name: "offsets outside the file",
    damage: (model) =>
      changeHeader(weights(model), (header) => {
        const tensor = header["embeddings.word_embeddings.weight"] as { data_offsets: [number, number] };
        tensor.data_offsets = tensor.data_offsets.map((offset) => offset + 10 ** 9) as [number, number];
      }),
    code: "E_SAFETENSORS",
    says: ["model.safetensors", "embeddings.word_embeddings.weight", "ends at 10000", "but the file holds"],
  },
  {
    name: "a truncated file",
    damage: (model) => truncate(weights(model), 50_000),
    code: "E_SAFETENSORS",
    says: ["model.safetensors", "ends at", "but the file holds"],
  },
  {
    name: "an unknown pooling",
    damage: pooling((values) => ({ ...values, pooling_mode: "median" })),
    code: "E_MODEL_UNSUPPORTED",
    says: ["1_Pooling/config.json", 'pooling_mode "median" is not supported', "Supported: cls, max, mean,"],
  },
  {
    name: "an unknown pooling among others",
    damage: pooling((values) => ({ ...values, pooling_mode: ["mean", "attention"] })),
    code: "E_MODEL_UNSUPPORTED",
    says: ['pooling_mode "attention" is not supported'],
  },
  {
    name: "the same pooling twice",
    damage: pooling((values) => ({ ...values, pooling_mode: ["mean", "mean"] })),
    code: "E_MODEL_INVALID",
    says: ['pooling_mode is ["mean","mean"]'],
  },
  {
    name: "pooling of another width",
    damage: pooling((values) => ({ ...values, embedding_dimension: 64 })),
    code: "E_MODEL_INVALID",
    says: ["embedding_dimension is 64", "hidden_size is 32"],
  },
  {
    name: "no pooling configuration",
    damage: (model) => rm(join(model, "1_Pooling/config.json")),
    code: "E_MODEL_INVALID",
    says: ["1_Pooling", "it has no config.json"],
  },
  {
    name: "a module of another kind",
    damage: modules((values) => [
      ...(values as unknown as Values[]).slice(0, 2),
      { idx: 2, name: "2", path: "2_CNN", type: "sentence_transformers.models.CNN" },
    ]),
    code: "E_MODEL_UNSUPPORTED",
    says: [
      "modules.json",
      '"sentence_transformers.models.CNN" is not supported',
      "Supported: Transformer, StaticEmbedding, Pooling, Dense",
    ],
  },
  {
    name: "no pooling module",
    damage: modules((values) => (values as unknown as Values[]).slice(0, 1)),
    code: "E_MODEL_INVALID",
    says: ["modules.json", "it begins neither with Transformer and Pooling"],
  },
  {
    name: "two pooling modules",
    damage: modules((values) => [...(values as unknown as Values[]), (values as unknown as Values[])[1]]),
    code: "E_MODEL_INVALID",
    says: ["modules.json", "Pooling stands where a text is one vector already"],
  },
  {
    name: "a Dense module of another width",
    model: "dense-tanh",
    damage: (model) => change(join(model, "3_Dense/config.json"), (values) => ({ ...values, in_features: 47 })),
    code: "E_MODEL_INVALID",
    says: ["3_Dense/config.json", "in_features is 47", "the modules before it give 48"],
  },
  {
    name: "a Dense module with an activation of its author's own",
    model: "dense-tanh",
    damage: (model) =>
      change(join(model, "2_Dense/config.json"), (values) => ({ ...values, activation_function: "mine.Tanh" })),
    code: "E_MODEL_UNSUPPORTED",
    says: ["2_Dense/config.json", 'activation_function "mine.Tanh"', "Supported: Tanh, Identity"],
  },
  {
    name: "a Dense module without weights",
    model: "dense-tanh",
    damage: (model) => rm(join(model, "2_Dense/model.safetensors")),
    code: "E_MODEL_INVALID",
    says: ["2_Dense", "has no weights that can be read"],
  },
  {
    name: "texts that are cut in the middle",
    damage: (model) =>
      change(join(model, "tokenizer_config.json"), (values) => ({ ...values, truncation_side: "middle" })),
    code: "E_MODEL_UNSUPPORTED",
    says: ["tokenizer_config.json", 'truncation_side "middle" is not supported', "Supported: left, right."],
  },
  {
    name: "more dimensions than there are",
    damage: (model) => writeFile(join(model, "config_sentence_transformers.json"), '{"truncate_dim": 33}'),
    code: "E_CONFIG",
    says: ["cannot be cut to 33 dimensions", "the model's have 32"],
  },
  {
    name: "a module outside the directory",
    damage: modules((values) => {
      (values as unknown as Values[])[1]!.path = "../elsewhere";
    }),
    code: "E_MODEL_INVALID",
    says: ["modules.json", 'path is "../elsewhere"'],
  },
  {
    name: "a default prompt that is not there",
    damage: (model) =>
      writeFile(
        join(model, "config_sentence_transformers.json"),
        '{"prompts": {"q": "query: "}, "default_prompt_name": "p"}',
      ),
    code: "E_MODEL_INVALID",
    says: ["config_sentence_transformers.json", 'default_prompt_name is "p"'],
  },
  {
    name: "a limit of no tokens",
    damage: (model) => writeFile(join(model, "sentence_bert_config.json"), '{"max_seq_length": -1}'),
    code: "E_MODEL_INVALID",
    says: ["sentence_bert_config.json", "max_seq_length is -1"],
  },
  {
    name: "lower-casing that the tokenizer does not do",
    damage: async (model) => {
      await writeFile(join(model, "sentence_bert_config.json"), '{"do_lower_case": true}');
      await change(join(model, "tokenizer.json"), (values) => ({ ...values, normalizer: null }));
    },
    code: "E_MODEL_UNSUPPORTED",
    says: ["sentence_bert_config.json", "do_lower_case true"],
  },
  {
    name: "an index that names a file elsewhere",
    model: "sharded-bf16",
    damage: (model) =>
      change(join(model, "model.safetensors.index.json"), () => ({ weight_map: { a: "../../model.safetensors" } })),
    code: "E_MODEL_INVALID",
    says: ["model.safetensors.index.json", "../../model.safetensors"],
  },
  {
    name: "a missing shard",
    model: "sharded-bf16",
    damage: (model) => rm(join(model, "model-00002-of-00002.safetensors")),
    code: "E_MODEL_INVALID",
    says: ["model-00002-of-00002.safetensors"],
  },
];

describe("a model that cannot be compiled is refused in one line", () => {
  test.each(cases.map((item) => [item.name, item] as const))(
    "%s",
    async (_, { model = "mean-normalized", damage, code, says }) => {
      await withCopy(model, async (directory, cacheDirectory) => {
        await damage(directory);
        const errors = [
          await failureOf(() => compileModel(directory, { precision: "fp32", cacheDirectory })),
          await failureOf(() => describeModel(directory)),
        ];
        for (const error of errors) {
          expect(error.code).toBe(code);
          for (const part of says) expect(error.message).toContain(part);
          expect(error.message).not.toContain("\n");
        }
      });
    },
  );

  test("a place that is not there, and one that is a file", async () => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, "file"), "");
      const missing = await failureOf(() => describeModel(join(folder, "nowhere")));
      expect([missing.code, missing.why]).toEqual(["E_MODEL_MISSING", "it does not exist"]);
      const file = await failureOf(() => describeModel(join(folder, "file")));
      expect([file.code, file.why]).toEqual(["E_MODEL_MISSING", "it is not a directory"]);
    });
  });
});

test("an encoder in a folder of its own is found", async () => {
  await withCopy("mean-normalized", async (directory) => {
    await mkdir(join(directory, "0_Transformer"));
    for (const name of ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
      await rename(join(directory, name), join(directory, "0_Transformer", name));
    await modules((values) => {
      (values as unknown as Values[])[0]!.path = "0_Transformer";
    })(directory);
    const model = await describeModel(directory);
    expect(model.maxTokens).toBe(48);
    expect(model.tokenizerPath).toBe(join(directory, "0_Transformer/tokenizer.json"));
    expect(model.files.map(({ name }) => name)).toContain("0_Transformer/model.safetensors");
  });
});
