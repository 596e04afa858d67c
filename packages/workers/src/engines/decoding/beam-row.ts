import { type BeamOptions, type GenerateRequest, MillraceError } from "@millrace/core";
import { type Answer, AnsweredRow, type Scores, type Taken } from "./answer.js";
import { advanceSearch, type BeamRules, type BeamSearch, beginSearch, candidatesOf } from "./beams.js";
import { toLogProbs } from "./choose.js";
import { processLogits } from "./processors.js";
import type { Fork } from "./scheduler.js";

/** A request that is answered by beam search: each beam has a slot of its own, which its next token stays in where it can. */
export class BeamRow extends AnsweredRow {
  readonly wantsLogits = true;
  private readonly rules: BeamRules;
  private search: BeamSearch;
  /** Of each beam, the branch that holds its keys and values. */
  private branches: readonly number[];

  constructor(
    request: GenerateRequest,
    private readonly options: BeamOptions,
    start?: number,
  ) {
    super(request, start, options.count);
    this.rules = { ...request.decoding, ...options };
    this.search = beginSearch(options.count);
    this.branches = this.search.beams.map((_, place) => place);
  }

  get past(): number {
    return this.promptIds.length + this.generated - 1;
  }

  lastOf(branch: number): number {
    const beam = this.search.beams[this.branches.indexOf(branch)];
    return beam?.ids.at(-1) ?? (this.promptIds.at(-1) as number);
  }

  take(scores: readonly Scores[]): Taken {
    const before = this.generated;
    const candidates = candidatesOf(this.search, this.logProbsOf(scores), this.rules);
    const { search, parents } = advanceSearch(this.search, candidates, this.rules);
    const [branches, forks] = placed(parents, this.branches);
    this.search = search;
    this.branches = branches;
    if (search.isDone && search.finished.length === 0) throw nothingAllowed();
    if (search.isDone) return { forks: [], answers: this.answers() };
    // At first all branches hold the same.
    return { forks: before === 0 ? [] : forks.map((fork) => ({ ...fork, tokens: this.past })) };
  }

  /** Tokens of each beam. */
  private get generated(): number {
    return this.search.beams[0]?.ids.length ?? 0;
  }

  private logProbsOf(scores: readonly Scores[]): readonly Float32Array[] {
    const { beams } = this.search;
    if (this.generated === 0) {
      const alike = this.processed(scores[0] as Scores, []);
      return beams.map(() => alike);
    }
    return beams.map(({ ids }, place) => this.processed(scores[this.branches[place] as number] as Scores, ids));
  }

  private processed({ logits }: Scores, ids: readonly number[]): Float32Array {
    const { decoding } = this.request;
    const logProbs = toLogProbs(logits as Float32Array);
    processLogits(logProbs, { ids: [...this.promptIds, ...ids], promptLength: this.promptIds.length }, decoding);
    return decoding.renormalizes === true ? toLogProbs(logProbs) : logProbs;
  }

  private answers(): readonly Answer[] {
    const { before } = this;
    return this.search.finished.slice(0, this.options.returned).map((beam) => ({ ...beam, before }));
  }
}

function nothingAllowed(): MillraceError {
  return new MillraceError("E_ROW_GENERATE", "no beam can go on", {
    why: "the options forbid every token",
    fix: "Allow shorter or repeated runs of tokens, or fewer bad words.",
  });
}

/**
 * Lets the first beam of each parent stay where its parent was; the others go to where beams were that nobody goes on from.
 * @returns each beam's branch, and what is to be copied for it
 */
function placed(
  parents: readonly number[],
  branches: readonly number[],
): readonly [readonly number[], readonly Omit<Fork, "tokens">[]] {
  const unused = branches.filter((_, place) => !parents.includes(place));
  const forks: Omit<Fork, "tokens">[] = [];
  const next = parents.map((parent, place) => {
    const from = branches[parent] as number;
    if (parents.indexOf(parent) === place) return from;
    const to = unused.shift() as number;
    forks.push({ from, to });
    return to;
  });
  return [next, forks];
}
