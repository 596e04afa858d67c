/** Relevance grades by document, of one query. */
export type Judgements = ReadonlyMap<string, number>;

/** Quality of one ranked list, as trec_eval and BEIR define it. */
export interface RankingScores {
  readonly ndcgAt10: number;
  readonly recallAt100: number;
  readonly mrrAt10: number;
}

/** Scores a ranking (document keys, best first, distinct) against judgements. Grades of 0 or less are not relevant. */
export function scoreRanking(ranking: readonly string[], judgements: Judgements): RankingScores {
  const gradeOf = (document: string) => Math.max(0, judgements.get(document) ?? 0);
  const ideal = [...judgements.values()].filter((grade) => grade > 0).sort((a, b) => b - a);
  if (ideal.length === 0) return { ndcgAt10: 0, recallAt100: 0, mrrAt10: 0 };
  const found = ranking.slice(0, 100).filter((document) => gradeOf(document) > 0).length;
  const firstRelevant = ranking.slice(0, 10).findIndex((document) => gradeOf(document) > 0);
  return {
    ndcgAt10: discountedGain(ranking.slice(0, 10).map(gradeOf)) / discountedGain(ideal.slice(0, 10)),
    recallAt100: found / ideal.length,
    mrrAt10: firstRelevant < 0 ? 0 : 1 / (firstRelevant + 1),
  };
}

/** Σ grade / log2(rank + 1), ranks from 1: the linear gain that BEIR's figures use. */
function discountedGain(grades: readonly number[]): number {
  return grades.reduce((sum, grade, index) => sum + grade / Math.log2(index + 2), 0);
}

/** Mean of each score over all queries. */
export function meanScores(scores: readonly RankingScores[]): RankingScores {
  const mean = (pick: (score: RankingScores) => number) =>
    scores.length === 0 ? 0 : scores.reduce((sum, score) => sum + pick(score), 0) / scores.length;
  return {
    ndcgAt10: mean((score) => score.ndcgAt10),
    recallAt100: mean((score) => score.recallAt100),
    mrrAt10: mean((score) => score.mrrAt10),
  };
}
