import { MillraceError } from "./errors.js";
import type { RankingScores } from "./ranking.js";

/** What a new generation of a store must reach before searches are answered from it. */
export interface QualityGate {
  /** Least recall@10 of the store's own search against exact search, 0 to 1; 0 asks for nothing. */
  readonly minRecall: number;
  /** Least nDCG@10 on judged queries, 0 to 1; absent where none are given. */
  readonly minNdcg?: number;
}

/** What was measured. Plain JSON. */
export interface GateReport {
  /** Absent where nothing was asked of it. */
  readonly recall?: MeasuredRecall;
  /** Mean scores on the judged queries; absent where none are given. */
  readonly ranking?: RankingScores & { readonly queries: number };
}

export interface MeasuredRecall {
  /** Mean share of the exact ten nearest that the store's own search returns, 0 to 1. */
  readonly at10: number;
  /** Stored vectors that were searched for. */
  readonly queries: number;
}

/** Why a generation may not go live; undefined where it may. */
export function gateVerdict(gate: QualityGate, { recall, ranking }: GateReport): MillraceError | undefined {
  const reasons = [
    ...(gate.minRecall > 0 ? below("recall@10", recall?.at10, gate.minRecall) : []),
    ...(gate.minNdcg === undefined ? [] : below("nDCG@10", ranking?.ndcgAt10, gate.minNdcg)),
  ];
  if (reasons.length === 0) return undefined;
  return new MillraceError("E_GATE", "the new generation does not go live", {
    why: reasons.join("; "),
    fix: "What answered before still does. Correct what decides it and run reindex again, or ask for less.",
  });
}

function below(name: string, measured: number | undefined, least: number): readonly string[] {
  if (measured === undefined) return [`${name} was not measured, at least ${least} is asked for`];
  // What is not a number is not enough either.
  return measured >= least ? [] : [`${name} is ${measured.toFixed(4)}, at least ${least} is asked for`];
}
