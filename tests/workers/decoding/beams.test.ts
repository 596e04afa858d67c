import { describe, expect, test } from "@jest/globals";
import { type BeamOptions, earlyStoppings, greedyDecoding } from "@millrace/core";
import {
  advanceSearch,
  argMax,
  type BeamRules,
  type BeamSearch,
  beginSearch,
  candidatesOf,
  checkDecoding,
} from "@millrace/workers";
import fc from "fast-check";
import { randomNumbers } from "../../support/corpus.ts";

const vocabulary = 5;
const end = 0;

/** Log-probabilities after each beginning, made of a seed: a model of few words. */
function wordsOf(seed: number): (ids: readonly number[]) => Float32Array {
  return (ids) => {
    const random = randomNumbers(ids.reduce((state, id) => (state * 31 + id + 7) % 1_000_003, seed + 1));
    const weights = Array.from({ length: vocabulary }, () => 0.05 + random());
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return Float32Array.from(weights, (weight) => Math.log(weight / total));
  };
}

/** Every state of a search, the last one done. */
function searchAll(next: (ids: readonly number[]) => Float32Array, rules: BeamRules): readonly BeamSearch[] {
  const states = [beginSearch(rules.count)];
  while (states.at(-1)?.isDone === false) {
    const search = states.at(-1) as BeamSearch;
    const logProbs = search.beams.map(({ ids }) => next(ids));
    states.push(advanceSearch(search, candidatesOf(search, logProbs, rules), rules).search);
  }
  return states;
}

/** Every answer there is, with its score. */
function allAnswers(next: (ids: readonly number[]) => Float32Array, rules: BeamRules) {
  const grow = (ids: readonly number[], sum: number): { ids: readonly number[]; score: number }[] =>
    [...next(ids)].flatMap((logProb, id) => {
      const length = ids.length + 1;
      const score = (sum + logProb) / length ** rules.lengthPenalty;
      if (id === end) return [{ ids, score }];
      return length === rules.maxNewTokens ? [{ ids: [...ids, id], score }] : grow([...ids, id], sum + logProb);
    });
  return grow([], 0).sort((a, b) => b.score - a.score);
}

const searches = fc.record({
  seed: fc.nat(10_000),
  count: fc.integer({ min: 2, max: 4 }),
  maxNewTokens: fc.integer({ min: 1, max: 6 }),
  lengthPenalty: fc.constantFrom(-1, 0, 0.6, 1, 2),
  earlyStopping: fc.constantFrom(...earlyStoppings),
});

describe("a beam search", () => {
  test("keeps its beams and answers apart and in order, scored by what they are made of", () => {
    fc.assert(
      fc.property(searches, ({ seed, ...options }) => {
        const next = wordsOf(seed);
        const rules = { ...options, stopIds: [end] };
        const states = searchAll(next, rules);
        expect(states.length - 1).toBeLessThanOrEqual(rules.maxNewTokens);
        for (const { beams, finished } of states.slice(1)) {
          expect(beams.length).toBe(rules.count);
          expect(finished.length).toBeLessThanOrEqual(rules.count);
          for (const list of [beams, finished]) {
            const scores = list.map(({ score }) => score);
            expect(scores).toEqual([...scores].sort((a, b) => b - a));
          }
          const known = new Map(allAnswers(next, rules).map(({ ids, score }) => [ids.join(), score]));
          expect(new Set(finished.map(({ ids }) => ids.join())).size).toBe(finished.length);
          for (const { ids, score } of finished) expect(score).toBeCloseTo(known.get(ids.join()) ?? Number.NaN, 3);
        }
        expect(states.at(-1)?.finished.length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  test("that has as many beams as there are beginnings, and does not end early, finds the best answer of all", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.constantFrom(0, 0.6, 1, 2), (seed, lengthPenalty) => {
        const next = wordsOf(seed);
        const rules = { count: 80, maxNewTokens: 3, lengthPenalty, earlyStopping: "never", stopIds: [end] } as const;
        const [best] = allAnswers(next, rules);
        const found = searchAll(next, rules).at(-1)?.finished[0];
        expect(found?.score).toBeCloseTo(best?.score as number, 4);
      }),
      { numRuns: 20 },
    );
  });

  test("of one beam that ends at once takes the likeliest token each time", () => {
    fc.assert(
      fc.property(fc.nat(10_000), (seed) => {
        const next = wordsOf(seed);
        const rules = { count: 1, maxNewTokens: 6, lengthPenalty: 0, earlyStopping: true, stopIds: [end] } as const;
        const greedy: number[] = [];
        while (greedy.length < 6 && argMax(next(greedy)) !== end) greedy.push(argMax(next(greedy)));
        expect(searchAll(next, rules).at(-1)?.finished[0]?.ids).toEqual(greedy);
      }),
      { numRuns: 20 },
    );
  });

  test("is refused in one line where options do not go with it", () => {
    const beams: BeamOptions = { count: 4, returned: 2, lengthPenalty: 1, earlyStopping: false };
    expect(() => checkDecoding({ ...greedyDecoding, beams })).not.toThrow();
    const wrong = [
      { temperature: 0.5 },
      { stopTexts: ["."] },
      { topLogprobs: 1 },
      { beams: { ...beams, returned: 5 } },
      { beams: { ...beams, count: 1 } },
      { beams: { ...beams, lengthPenalty: Number.NaN } },
    ];
    for (const options of wrong)
      expect(() => checkDecoding({ ...greedyDecoding, beams, ...options })).toThrow(
        /^these decoding options cannot be used: [^\n]*$/,
      );
  });
});
