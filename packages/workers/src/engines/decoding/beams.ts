import type { BeamOptions, DecodingOptions, FinishReason } from "@millrace/core";
import { likeliest } from "./choose.js";

/** A beginning of an answer. */
export interface Beam {
  /** What was generated. */
  readonly ids: readonly number[];
  /** The logarithm of its probability, as options have changed it. */
  readonly score: number;
}

/** An answer a search has found. */
export interface FinishedBeam extends Beam {
  /** Without the stop id. */
  readonly ids: readonly number[];
  /** By the length penalty. */
  readonly score: number;
  readonly finishReason: FinishReason;
}

/** A token that one of the beams may go on with. */
export interface Candidate {
  /** Place of the beam. */
  readonly parent: number;
  readonly id: number;
  /** Of the beam and the token together. */
  readonly score: number;
}

/** Where a search stands. */
export interface BeamSearch {
  /** Best first, as many as the search has. */
  readonly beams: readonly Beam[];
  /** Best first, at most as many. */
  readonly finished: readonly FinishedBeam[];
  readonly isDone: boolean;
}

export type BeamRules = Pick<DecodingOptions, "maxNewTokens" | "stopIds" | "forcedLastId"> &
  Omit<BeamOptions, "returned">;

/** What stands for the score of a beam that is none; as transformers has it. */
const none = -1e9;

/** All beams are alike at first: but for one they do not count. */
export function beginSearch(count: number): BeamSearch {
  const beams = Array.from({ length: count }, (_, place) => ({ ids: [], score: place === 0 ? 0 : none }));
  return { beams, finished: [], isDone: false };
}

/**
 * The best ways to go on, best first: enough for as many beams to be left when each has ended in each of the ways it can.
 * @param logProbs of each beam's next token
 */
export function candidatesOf(
  { beams }: BeamSearch,
  logProbs: readonly Float32Array[],
  { count, stopIds }: Pick<BeamRules, "count" | "stopIds">,
): readonly Candidate[] {
  const wanted = Math.max(2, 1 + stopIds.length) * count;
  const all = beams.flatMap(({ score }, parent) => {
    const own = logProbs[parent] as Float32Array;
    const best = [...likeliest(own, wanted).subarray(0, wanted)];
    return best.map((id) => ({ parent, id, score: Math.fround(score + (own[id] as number)) }));
  });
  return all.sort((a, b) => b.score - a.score || a.parent - b.parent || a.id - b.id).slice(0, wanted);
}

/** A search after one more token, and where each of its beams comes from: the place its parent had. */
export interface Advanced {
  readonly search: BeamSearch;
  readonly parents: readonly number[];
}

/**
 * Takes the best candidates that go on as the next beams, and those of the first that end as finished: transformers'
 * `_beam_search` (5.23), of one row.
 */
export function advanceSearch(search: BeamSearch, candidates: readonly Candidate[], rules: BeamRules): Advanced {
  const { count, stopIds, maxNewTokens } = rules;
  const length = 1 + (search.beams[0]?.ids.length ?? 0);
  const isLast = length >= maxNewTokens;
  const ends = ({ id }: Candidate) => isLast || stopIds.includes(id);
  const idsOf = ({ parent, id }: Candidate) => [...(search.beams[parent] as Beam).ids, id];
  const going = candidates
    .map((each) => (ends(each) ? { ...each, score: Math.fround(each.score + none) } : each))
    .sort((a, b) => b.score - a.score)
    .slice(0, count);
  const beams = going.map((each) => ({ ids: idsOf(each), score: each.score }));
  const ended = candidates.slice(0, count).filter(ends);
  const found = ended.map((each) => finish(each, idsOf(each), { length, rules }));
  const finished = bestOf([...search.finished, ...found], count);
  const isFull = finished.length === count;
  const isOver = candidates.every(ends) || (isFull && rules.earlyStopping === true);
  const isDone = isOver || !canImprove(beams[0] as Beam, finished, { length, rules });
  return { search: { beams, finished, isDone }, parents: going.map(({ parent }) => parent) };
}

interface Place {
  /** Tokens of a beam, the new one included. */
  readonly length: number;
  readonly rules: BeamRules;
}

function finish({ id, score }: Candidate, ids: readonly number[], { length, rules }: Place): FinishedBeam {
  const isStop = rules.stopIds.includes(id);
  const isForced = rules.forcedLastId !== undefined && length >= rules.maxNewTokens;
  return {
    ids: isStop ? ids.slice(0, -1) : ids,
    score: normalised(score, length, rules),
    finishReason: isStop && !isForced ? "stop" : "length",
  };
}

function normalised(score: number, length: number, { lengthPenalty }: BeamRules): number {
  return Math.fround(score / length ** lengthPenalty);
}

function bestOf(finished: readonly FinishedBeam[], count: number): readonly FinishedBeam[] {
  return finished
    .filter(({ score }) => score > none)
    .sort((a, b) => b.score - a.score)
    .slice(0, count);
}

/** Whether the best beam may still end better than the worst that is finished; with `earlyStopping` false that is a guess. */
function canImprove(best: Beam, finished: readonly FinishedBeam[], { length, rules }: Place): boolean {
  const reachesFarther = rules.earlyStopping === "never" && rules.lengthPenalty > 0;
  const possible = normalised(best.score, reachesFarther ? rules.maxNewTokens : length, rules);
  const worst = finished.length < rules.count ? none : (finished.at(-1)?.score ?? none);
  return possible > worst;
}
