import { describe, expect, test } from "@jest/globals";
import { greedyDecoding } from "@millrace/core";
import {
  argMax,
  checkDecoding,
  drawToken,
  keptTokens,
  likeliest,
  logprobOf,
  modelBeams,
  modelDecoding,
  philox,
  uniform,
} from "@millrace/workers";
import fc from "fast-check";

const finite = fc.float({ min: -30, max: 30, noNaN: true });
const logitsOf = (length: number) =>
  fc.array(finite, { minLength: length, maxLength: length }).map((values) => Float32Array.from(values));

describe("philox", () => {
  // The known answers of Random123, philox4x32 with 10 rounds.
  test.each([
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [[0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ])("of %j under %j", (counter, key, expected) => {
    const words = philox(Uint32Array.from(counter), Uint32Array.from(key));
    expect([...words].map((word) => word.toString(16).padStart(8, "0")).join(" ")).toBe(expected);
  });

  test("spreads evenly, and otherwise for each seed, sequence and position", () => {
    const places = Array.from({ length: 4_000 }, (_, index) => ({
      seed: 2 ** 33 + (index % 10),
      sequence: Math.floor(index / 10) % 4,
      position: Math.floor(index / 40),
    }));
    const drawn = places.map(uniform);
    expect(new Set(drawn).size).toBe(places.length);
    for (const share of drawn) expect(share >= 0 && share < 1).toBe(true);
    const parts = Array.from({ length: 10 }, (_, part) => drawn.filter((share) => Math.floor(share * 10) === part));
    for (const part of parts) expect(Math.abs(part.length - 400)).toBeLessThan(100);
  });
});

describe("the likeliest", () => {
  test("are those a sort would give, with all that are as high as the last", () => {
    fc.assert(
      fc.property(logitsOf(40), fc.integer({ min: 1, max: 50 }), (values, count) => {
        const sorted = [...values.keys()].sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
        const last = values[sorted[Math.min(count, sorted.length) - 1] as number] as number;
        expect([...likeliest(values, count)]).toEqual(sorted.filter((place) => (values[place] as number) >= last));
      }),
    );
  });

  test("of a nucleus are enough and not one too many, of a vocabulary larger than is put in order at once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.double({ min: 0.05, max: 0.99, noNaN: true }),
        (seed, topP) => {
          const logits = Float32Array.from(
            { length: 3_000 },
            (_, id) => uniform({ seed, sequence: 0, position: id }) * 4,
          );
          const weights = logits.map((logit) => Math.exp(logit));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const kept = [...keptTokens(logits, { topK: 0, topP, minP: 0 })];
          const mass = kept.reduce((sum, id) => sum + (weights[id] as number), 0);
          const least = Math.min(...kept.map((id) => weights[id] as number));
          expect(mass / total).toBeGreaterThan(topP - 1e-6);
          expect((mass - least) / total).toBeLessThan(topP + 1e-6);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe("a drawn token", () => {
  test("comes as often as its probability says", () => {
    const logits = Float32Array.of(0, Math.log(2), Math.log(5), Number.NEGATIVE_INFINITY);
    const options = { temperature: 1, topK: 0, topP: 1, minP: 0 };
    const drawn = Array.from({ length: 800 }, (_, draw) => drawToken(logits, options, (draw + 0.5) / 800));
    const counts = Array.from(logits, (_, id) => drawn.filter((token) => token === id).length);
    expect(counts).toEqual([100, 200, 500, 0]);
  });

  test("is one of the kept, and the best where nothing else is kept", () => {
    fc.assert(
      fc.property(logitsOf(30), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (logits, share) => {
        const options = { temperature: 0.7, topK: 7, topP: 0.9, minP: 0.05 };
        const scaled = logits.map((logit) => logit / options.temperature);
        expect(keptTokens(scaled, options)).toContain(drawToken(logits, options, share));
        const only = drawToken(logits, { ...options, topK: 1 }, share);
        expect(scaled[only]).toBe(scaled[argMax(scaled)]);
      }),
    );
  });
});

test("log-probabilities are of the model's own distribution, best first", () => {
  const logits = Float32Array.of(Math.log(1), Math.log(6), Math.log(3));
  const { id, logprob, top } = logprobOf(logits, 2, 2);
  expect([id, Math.exp(logprob), top.map((token) => token.id)]).toEqual([2, expect.closeTo(0.3), [1, 2]]);
  expect(top.map((token) => Math.exp(token.logprob))).toEqual([expect.closeTo(0.6), expect.closeTo(0.3)]);
});

describe("decoding options", () => {
  test.each([
    [{ temperature: -1 }, "temperature must be a number from 0 on, not -1"],
    [{ temperature: Number.NaN }, "temperature must be a number from 0 on, not NaN"],
    [{ topP: 0 }, "topP must be a number above 0 and at most 1, not 0"],
    [{ topK: 1.5 }, "topK must be a whole number from 0 on, not 1.5"],
    [{ seed: 2 ** 53 }, "seed must be a whole number from 0 to 2^53 - 1, not 9007199254740992"],
    [{ maxNewTokens: 0 }, "maxNewTokens must be a whole number from 1 on, not 0"],
    [{ minNewTokens: 9, maxNewTokens: 8 }, "minNewTokens is 9, more than maxNewTokens, which is 8"],
    [{ repetitionPenalty: 0 }, "repetitionPenalty must be a number above 0, not 0"],
    [{ topLogprobs: 21 }, "topLogprobs must be a whole number from 0 to 20, not 21"],
    [{ stopTexts: [""] }, "a stop text must not be empty"],
    [{ badWords: [[]] }, "a bad word must not be empty"],
  ])("%j are refused in one line", (change, why) => {
    const decoding = { ...greedyDecoding, ...change };
    expect(() => checkDecoding(decoding)).toThrow(`these decoding options cannot be used: ${why}`);
    expect(() => checkDecoding(greedyDecoding)).not.toThrow();
  });
});

describe("what a model asks for", () => {
  test("is taken as transformers takes it: without do_sample its temperature says nothing", () => {
    const config = { temperature: 0.6, top_p: 0.9, top_k: 40, repetition_penalty: 1.1, max_new_tokens: 99 };
    const decoder = (defaults: object, ...end: number[]) =>
      modelDecoding({ kind: "decoder", defaults: { ...defaults }, tokens: { end } });
    const greedy = decoder(config, 2, 3);
    expect(greedy).toMatchObject({ temperature: 0, repetitionPenalty: 1.1, maxNewTokens: 99, stopIds: [2, 3] });
    const sampled = decoder({ ...config, do_sample: true }, 2);
    expect(sampled).toMatchObject({ temperature: 0.6, topP: 0.9, topK: 40 });
    expect(decoder({ do_sample: true }).temperature).toBe(1);
  });

  test("is neutral where it says nothing, or says it with anything but a number", () => {
    const defaults = { top_k: null, top_p: "much", eos_token_id: 7, max_length: 90, forced_bos_token_id: 3 };
    expect(modelDecoding({ kind: "decoder", defaults, tokens: { end: [] } })).toEqual(greedyDecoding);
    expect(modelBeams({ defaults: { num_beams: null, early_stopping: "soon" } })).toEqual({
      count: 1,
      lengthPenalty: 1,
      earlyStopping: false,
    });
  });

  test("beside an encoder holds lengths with the token that begins, forced tokens, words and beams", () => {
    const defaults = {
      max_length: 142,
      min_length: 56,
      num_beams: 4,
      length_penalty: 2,
      early_stopping: true,
      forced_bos_token_id: 0,
      forced_eos_token_id: 2,
      bad_words_ids: [[7], [2], [3, 2]],
      renormalize_logits: true,
    };
    const options = modelDecoding({ kind: "encoder-decoder", defaults, tokens: { end: [2] } });
    expect(options).toMatchObject({ maxNewTokens: 141, minNewTokens: 55, forcedFirstId: 0, forcedLastId: 2 });
    expect([options.badWords, options.renormalizes]).toEqual([[[7], [3, 2]], true]);
    expect(modelBeams({ defaults })).toEqual({ count: 4, lengthPenalty: 2, earlyStopping: true });
  });
});
