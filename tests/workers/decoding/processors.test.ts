import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { type DecodingOptions, greedyDecoding } from "@millrace/core";
import { isPlainGreedy, keptTokens, processLogits } from "@millrace/workers";

interface Golden {
  readonly promptLength: number;
  readonly rows: readonly {
    readonly options: Partial<DecodingOptions>;
    readonly ids: readonly number[];
    readonly logits: readonly number[];
    /** Null where transformers has -infinity. */
    readonly expected: readonly (number | null)[];
  }[];
}

const golden = JSON.parse(readFileSync("tests/golden/logits-processors.json", "utf8")) as Golden;
const named = golden.rows.map((row, index) => [`${JSON.stringify(row.options)} ${index % 3}`, row] as const);

describe("processing logits gives what transformers' processors give", () => {
  test.each(named)("%s", (_, { options, ids, logits: given, expected }) => {
    const decoding = { ...greedyDecoding, ...options };
    const logits = Float32Array.from(given);
    processLogits(logits, { ids, promptLength: golden.promptLength }, decoding);
    const scaled = decoding.temperature === 0 ? logits : logits.map((logit) => logit / decoding.temperature);
    const kept = new Set(decoding.temperature === 0 ? scaled.keys() : keptTokens(scaled, decoding));
    const got = Array.from(scaled, (logit, id) => (kept.has(id) && Number.isFinite(logit) ? logit : null));
    expect(got.map((logit) => logit === null)).toEqual(expected.map((logit) => logit === null));
    for (const [id, logit] of got.entries()) if (logit !== null) expect(logit).toBeCloseTo(expected[id] as number, 3);
  });
});

describe("the penalties of OpenAI's API", () => {
  test("count what was generated, not the prompt", () => {
    const logits = Float32Array.of(1, 1, 1, 1);
    const decoding = { ...greedyDecoding, frequencyPenalty: 0.5, presencePenalty: 0.25 };
    processLogits(logits, { ids: [3, 3, 1, 2, 1], promptLength: 2 }, decoding);
    expect([...logits]).toEqual([1, -0.25, 0.25, 1]);
  });

  test("make the best token alone insufficient, as each option does that changes which one it is", () => {
    expect(isPlainGreedy(greedyDecoding)).toBe(true);
    expect(isPlainGreedy({ ...greedyDecoding, topK: 5, topP: 0.5, minP: 0.1, stopIds: [1], stopTexts: ["a"] })).toBe(
      true,
    );
    const changes: readonly Partial<DecodingOptions>[] = [
      { temperature: 0.1 },
      { repetitionPenalty: 1.1 },
      { frequencyPenalty: 0.1 },
      { presencePenalty: 0.1 },
      { noRepeatNgramSize: 2 },
      { badWords: [[1]] },
      { minNewTokens: 1, stopIds: [1] },
      { topLogprobs: 0 },
    ];
    for (const change of changes) expect(isPlainGreedy({ ...greedyDecoding, ...change })).toBe(false);
  });
});
