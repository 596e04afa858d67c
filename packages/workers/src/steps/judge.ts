import {
  type Encoder,
  type GateReport,
  type Judgements,
  type MeasuredRecall,
  MillraceError,
  meanScores,
  type QualityGate,
  type RankingScores,
  type Searcher,
  scoreRanking,
  type Tokenizer,
} from "@millrace/core";
import { encodeTexts } from "../engines/encode-texts.js";
import { IdDraw } from "./draw-ids.js";
import { corpusIds, pointsOfIds } from "./stored-points.js";

/** Queries with the documents that people found relevant to them. */
export interface JudgedQueries {
  readonly queries: readonly { readonly id: string; readonly text: string }[];
  /** By the query's id. */
  readonly judgements: ReadonlyMap<string, Judgements>;
}

/** What `judge` works with: it reads a store. */
export interface JudgeContext {
  readonly searcher: Searcher;
  /** The model the store was filled with, its tokenizer as queries want it; needed where queries are judged. */
  readonly model?: { readonly tokenizer: Tokenizer; readonly encoder: Encoder };
  readonly judged?: JudgedQueries;
}

export interface JudgeOptions {
  readonly corpus: string;
  /** Stored vectors to search for. */
  readonly sample: number;
  /** Decides which; another one draws other points. */
  readonly seed: number;
}

/** Measures what the gate asks for; `gateVerdict` judges. */
export async function judge(
  { searcher, model, judged }: JudgeContext,
  gate: QualityGate,
  options: JudgeOptions,
): Promise<GateReport> {
  const recall = gate.minRecall > 0 ? await measureRecall(searcher, options) : undefined;
  if (judged === undefined || model === undefined) return recall === undefined ? {} : { recall };
  const scores = await scoreQueries(searcher, judged, model);
  const ranking = { ...meanScores(scores), queries: scores.length };
  return recall === undefined ? { ranking } : { recall, ranking };
}

const nearest = 10;

/** A score of single precision; one that is this much lower may be the same. */
const scoreError = 1e-6;

/**
 * Recall@10 of the store's own search against comparing every vector, with some of the stored vectors as queries. As
 * ann-benchmarks has it, what is as near as the tenth of the exact ten counts as found, whichever of equals it is.
 */
async function measureRecall(searcher: Searcher, { corpus, sample, seed }: JudgeOptions): Promise<MeasuredRecall> {
  const draw = new IdDraw(sample, seed);
  for await (const ids of corpusIds(searcher, corpus)) for (const id of ids) draw.offer(id);
  let [sum, queries] = [0, 0];
  for await (const { vector } of pointsOfIds(searcher, draw.ids())) {
    const query = { vector, top: nearest, filters: [] };
    const exact = await searcher.search({ ...query, isExact: true });
    const found = await searcher.search(query);
    const least = (exact.at(-1)?.score ?? 1) - scoreError;
    sum += Math.min(1, found.filter(({ score }) => score >= least).length / exact.length);
    queries += 1;
  }
  // An empty store finds all there is.
  return { at10: queries === 0 ? 1 : sum / queries, queries };
}

/** Scores of each judged query's documents, as the store's own search ranks them; a query's own document does not count. */
export async function scoreQueries(
  searcher: Searcher,
  { queries, judgements }: JudgedQueries,
  model: { readonly tokenizer: Tokenizer; readonly encoder: Encoder },
): Promise<readonly RankingScores[]> {
  if (queries.length === 0) throw new MillraceError("E_USAGE", "no query has a judgement", { fix: "Check qrels." });
  const { dimensions } = model.encoder;
  const vectors = await encodeTexts(
    queries.map(({ text }) => text),
    model,
  );
  const scores: RankingScores[] = [];
  for (const [index, { id }] of queries.entries()) {
    const vector = vectors.subarray(index * dimensions, (index + 1) * dimensions);
    const hits = await searcher.search({ vector, top: rankedHits, filters: [] });
    const documents = [...new Set(hits.map(({ record }) => record.document))];
    scores.push(
      scoreRanking(
        documents.filter((document) => document !== id),
        judgements.get(id) ?? new Map(),
      ),
    );
  }
  return scores;
}

/** One more than recall@100 needs: a query's own document may be among them. */
const rankedHits = 101;
