import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { describeModel } from "@millrace/compiler";
import { failureOf, withCopy } from "./support.ts";

/** A tiny model, what its config.json is made to say, and what the refusal must say of it. */
const refused: readonly (readonly [model: string, change: object, says: RegExp])[] = [
  ["albert", { inner_group_num: 2 }, /inner_group_num 2 is not supported. Supported: 1\./],
  ["deberta", { position_biased_input: true }, /position_biased_input true is not supported/],
  ["deberta", { conv_kernel_size: 3 }, /conv_kernel_size 3 is not supported/],
  ["electra", { is_decoder: true }, /is_decoder true is not supported/],
  ["jina-bert", { feed_forward_type: "original" }, /feed_forward_type "original" .* Supported: geglu, reglu\./],
  ["mistral", { rope_parameters: { rope_type: "made-up" } }, /rope_type "made-up" .*longrope, yarn/],
  ["mistral", { partial_rotary_factor: 0.5 }, /partial_rotary_factor 0.5 is not supported/],
  ["t5", { feed_forward_proj: "gated-mystery" }, /feed_forward_proj "gated-mystery" is not supported/],
];

/** What does not fit together. */
const invalid: readonly (readonly [model: string, change: object, says: RegExp])[] = [
  ["llama", { rope_scaling: { rope_type: "llama3", factor: 8 } }, /low_freq_factor is absent/],
  ["mistral", { rope_parameters: { rope_type: "longrope", short_factor: [1, "2"] } }, /short_factor .*list of numbers/],
  ["mistral", { num_key_value_heads: 3 }, /num_key_value_heads is 3; it must divide num_attention_heads 4/],
  ["qwen2", { head_dim: 7 }, /head_dim is 7; it must be even/],
];

test.each([
  ...refused.map((each) => ["E_MODEL_UNSUPPORTED", ...each] as const),
  ...invalid.map((each) => ["E_MODEL_INVALID", ...each] as const),
])("%s: %s with %j", async (code, model, change, says) => {
  await withCopy(model, async (directory) => {
    const path = join(directory, "config.json");
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...change }));
    const error = await failureOf(() => describeModel(directory));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(says)]);
  });
});
