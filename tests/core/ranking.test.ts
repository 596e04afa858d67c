import { describe, expect, test } from "@jest/globals";
import { meanScores, scoreRanking } from "@millrace/core";
import fc from "fast-check";

describe("scoreRanking", () => {
  test("agrees with figures worked out by hand", () => {
    const judgements = new Map([
      ["a", 3],
      ["b", 2],
      ["c", 1],
      ["d", 0],
      ["e", -1],
    ]);
    // DCG = 2/log2(2) + 0 + 3/log2(4) = 3.5; ideal = 3 + 2/log2(3) + 1/log2(4) = 4.761860
    expect(scoreRanking(["b", "d", "a", "x"], judgements)).toEqual({
      ndcgAt10: expect.closeTo(3.5 / 4.7618595, 6),
      recallAt100: expect.closeTo(2 / 3, 12),
      mrrAt10: 1,
    });
    expect(scoreRanking(["x", "e", "d", "c"], judgements)).toEqual({
      ndcgAt10: expect.closeTo(1 / Math.log2(5) / 4.7618595, 6),
      recallAt100: expect.closeTo(1 / 3, 12),
      mrrAt10: 0.25,
    });
  });

  test("counts ten places for nDCG and MRR, a hundred for recall", () => {
    const ranking = Array.from({ length: 120 }, (_, place) => `d${place}`);
    const judged = (...documents: string[]) => new Map(documents.map((document) => [document, 1]));
    expect(scoreRanking(ranking, judged("d9"))).toMatchObject({ mrrAt10: 0.1, recallAt100: 1 });
    expect(scoreRanking(ranking, judged("d10"))).toEqual({ ndcgAt10: 0, mrrAt10: 0, recallAt100: 1 });
    expect(scoreRanking(ranking, judged("d99", "d100"))).toMatchObject({ recallAt100: 0.5 });
    expect(scoreRanking(ranking, judged())).toEqual({ ndcgAt10: 0, mrrAt10: 0, recallAt100: 0 });
    expect(scoreRanking([], judged("d1"))).toEqual({ ndcgAt10: 0, mrrAt10: 0, recallAt100: 0 });
  });

  test("the ideal order scores 1 and no order scores more", () => {
    const grades = fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(grades, fc.integer(), (grades, seed) => {
        const judgements = new Map(grades.map((grade, index) => [`d${index}`, grade]));
        const ideal = [...judgements.keys()].sort((a, b) => (judgements.get(b) ?? 0) - (judgements.get(a) ?? 0));
        const shuffled = [...judgements.keys()].sort((a, b) => hash(a, seed) - hash(b, seed));
        const best = scoreRanking(ideal, judgements).ndcgAt10;
        expect(best).toBeCloseTo(grades.some((grade) => grade > 0) ? 1 : 0, 12);
        expect(scoreRanking(shuffled, judgements).ndcgAt10).toBeLessThanOrEqual(best + 1e-12);
      }),
    );
  });

  test("means are means, of nothing 0", () => {
    const scores = [
      { ndcgAt10: 1, recallAt100: 0.5, mrrAt10: 0.25 },
      { ndcgAt10: 0, recallAt100: 1, mrrAt10: 0.75 },
    ];
    expect(meanScores(scores)).toEqual({ ndcgAt10: 0.5, recallAt100: 0.75, mrrAt10: 0.5 });
    expect(meanScores([])).toEqual({ ndcgAt10: 0, recallAt100: 0, mrrAt10: 0 });
  });
});

function hash(text: string, seed: number): number {
  return [...text].reduce((sum, letter) => Math.imul(sum ^ letter.charCodeAt(0), 16777619), seed);
}
