import {
  type CancelSignal,
  type Detokenizer,
  type GeneratedRow,
  type GenerateRequest,
  MillraceError,
} from "@millrace/core";
import { type Answer, type AnsweredRow, rowOf, type Scores, type Taken } from "../decoding/answer.js";
import { answerTexts } from "../decoding/answer-texts.js";
import {
  type ArenaLimits,
  type ArenaShape,
  arenaBytes,
  filledUp,
  planArena,
  type RowNeeds,
} from "../decoding/arena.js";
import { BeamRow } from "../decoding/beam-row.js";
import { type Operation, type Placed, Scheduler } from "../decoding/scheduler.js";
import { Sequence } from "../decoding/sequence.js";
import { stoppedTexts } from "../decoding/stop-texts.js";
import type { Arena, Decoder, RunScores, Wanted } from "./decoder.js";

export interface LoopOptions {
  readonly decoder: Decoder;
  readonly detokenizer: Detokenizer;
  readonly limits: ArenaLimits;
  /** Tokens of a prompt that one run reads. */
  readonly chunkTokens: number;
  /** Tokens computed between two tokens of a row. */
  readonly stepTokens: number;
  /** Called after each run with the tokens it read of prompts, and those it generated. */
  readonly onTokens?: (read: number, generated: number) => void;
}

interface Waiter {
  readonly resolve: (row: GeneratedRow) => void;
  readonly reject: (error: unknown) => void;
}

/** Answers requests together on one arena: whoever comes joins, whoever is finished leaves. */
export class GeneratorLoop {
  private scheduler: Scheduler<AnsweredRow>;
  private arena: Arena | undefined;
  private readonly waiters = new Map<AnsweredRow, Waiter>();
  private running: Promise<void> | undefined;

  constructor(private readonly options: LoopOptions) {
    this.scheduler = this.schedulerFor(noArena);
  }

  /** Requests that are not answered. */
  get size(): number {
    return this.waiters.size;
  }

  generate(request: GenerateRequest, signal?: CancelSignal): Promise<GeneratedRow> {
    const row = answeredRow(request, this.options.decoder.start);
    const { promise, resolve, reject } = Promise.withResolvers<GeneratedRow>();
    const giveUp = () => {
      if (this.forget(row)) reject(signal?.reason);
    };
    this.waiters.set(row, { resolve, reject });
    this.scheduler.add(row);
    signal?.addEventListener("abort", giveUp, { once: true });
    this.running ??= this.run();
    return promise.finally(() => signal?.removeEventListener("abort", giveUp));
  }

  /** Answers nothing more. */
  async close(): Promise<void> {
    for (const [row, { reject }] of this.waiters) {
      this.forget(row);
      reject(new MillraceError("E_HOST", "the generator was closed"));
    }
    await this.running;
    await this.arena?.close();
    this.arena = undefined;
  }

  private async run(): Promise<void> {
    // What is asked for in the same turn begins together.
    await Promise.resolve();
    try {
      while (this.waiters.size > 0) await this.step();
    } catch (error) {
      for (const [row, { reject }] of this.waiters) {
        this.forget(row);
        reject(error);
      }
    } finally {
      this.running = undefined;
      if (this.waiters.size > 0) this.running = this.run();
    }
  }

  private async step(): Promise<void> {
    const other = this.betterShape();
    this.scheduler.admits = other === undefined;
    if (other !== undefined && this.scheduler.isIdle) return this.reopen(other);
    const operation = this.scheduler.next();
    if (operation !== undefined && this.arena !== undefined) await this.perform(this.arena, operation);
  }

  /** The arena to go on with once this one is empty, where the rows that wait need longer slots or could be far more. */
  private betterShape(): ArenaShape | undefined {
    const { limits } = this.options;
    const [first, ...others] = this.scheduler.queue.slice(0, limits.maximumRows);
    if (first === undefined) return undefined;
    const shape = planArena(others.reduce(largest, needsOf(first)), limits) ?? planArena(first, limits);
    if (shape === undefined) {
      this.reject(first, tooLong(first, limits));
      return this.betterShape();
    }
    const { slots, capacity, sources } = this.arena ?? noArena;
    const isWorthIt = others.length >= slots && shape.slots >= 2 * slots;
    const isTooLarge = first.tokens > capacity || first.sources > sources || first.width > slots;
    return isTooLarge || isWorthIt ? shape : undefined;
  }

  private async reopen(shape: ArenaShape): Promise<void> {
    await this.arena?.close();
    this.arena = undefined;
    this.arena = await this.options.decoder.openArena(shape);
    const waiting = this.scheduler.queue;
    this.scheduler = this.schedulerFor(shape);
    for (const row of waiting) this.scheduler.add(row);
  }

  private schedulerFor(shape: ArenaShape): Scheduler<AnsweredRow> {
    const { chunkTokens, stepTokens } = this.options;
    return new Scheduler({ ...shape, chunkTokens, stepTokens });
  }

  private async perform(arena: Arena, operation: Operation<AnsweredRow>): Promise<void> {
    const { onTokens } = this.options;
    switch (operation.kind) {
      case "copy":
        return arena.copy(operation.from, operation.to, operation.tokens);
      case "encode": {
        const sources = operation.rows.map(({ source }) => source ?? new Int32Array());
        await arena.encode(sources, operation.slots);
        return onTokens?.(sources.length * (sources[0]?.length ?? 0), 0);
      }
      case "prefill": {
        const { row, from, to, isLast } = operation;
        const wanted = isLast ? wantedBy([row]) : "nothing";
        const scores = await arena.prefill(row.promptIds.subarray(from, to), from, wanted);
        onTokens?.(to - from, isLast ? 1 : 0);
        return isLast ? this.take([{ row, branch: 0 }], scores) : undefined;
      }
      case "decode": {
        const { slots } = operation;
        const ids = Int32Array.from(slots, ({ row, branch }) => row.lastOf(branch));
        const pasts = Int32Array.from(slots, ({ row }) => row.past);
        const scores = await arena.decode(ids, pasts, wantedBy(slots.map(({ row }) => row)));
        onTokens?.(0, slots.length);
        return this.take(slots, scores);
      }
    }
  }

  /** Lets each row take its scores, and answers those that are finished. */
  private async take(slots: readonly Placed<AnsweredRow>[], scores: RunScores): Promise<void> {
    const taken = new Map<AnsweredRow, Taken>();
    for (const [row, own] of scoresByRow(slots, scores, this.options.decoder.vocabularySize)) {
      // Who gave up meanwhile has left.
      if (!this.waiters.has(row)) continue;
      try {
        taken.set(row, row.take(own.map(asNumbers)));
      } catch (error) {
        this.reject(row, error);
      }
    }
    for (const [row, { forks }] of taken) for (const fork of forks) this.scheduler.fork(row, fork);
    const { detokenizer } = this.options;
    const stopped = await stoppedTexts([...taken.keys()].filter(isSequence), detokenizer);
    for (const [row, text] of stopped) this.resolve(row, [row.answer("stop")], [text]);
    const finished = [...taken].flatMap(([row, { answers = [] }]) => (answers.length > 0 ? [{ row, answers }] : []));
    const all = finished.flatMap(({ answers }) => answers);
    const texts = (await answerTexts(all, detokenizer)).values();
    for (const { row, answers } of finished)
      this.resolve(
        row,
        answers,
        answers.map(() => texts.next().value as string),
      );
  }

  /** Whose answer is cut at a stop text has it already. */
  private resolve(row: AnsweredRow, answers: readonly Answer[], texts: readonly string[]): void {
    const [first, ...alternatives] = answers.map((answer, place) => rowOf(answer, texts[place] as string));
    const waiter = this.waiters.get(row);
    this.forget(row);
    waiter?.resolve({ ...(first as GeneratedRow), ...(alternatives.length > 0 && { alternatives }) });
  }

  private reject(row: AnsweredRow, error: unknown): void {
    const waiter = this.waiters.get(row);
    this.forget(row);
    waiter?.reject(error);
  }

  /** @returns whether somebody waited for it */
  private forget(row: AnsweredRow): boolean {
    this.scheduler.remove(row);
    return this.waiters.delete(row);
  }
}

const noArena: ArenaShape = { slots: 0, capacity: 0, sources: 0 };

function answeredRow(request: GenerateRequest, start: number | undefined): AnsweredRow {
  const { beams } = request.decoding;
  return beams === undefined ? new Sequence(request, start) : new BeamRow(request, beams, start);
}

function isSequence(row: AnsweredRow): row is Sequence {
  return row instanceof Sequence;
}

function needsOf({ tokens, sources, width }: RowNeeds): RowNeeds {
  return { tokens, sources, width };
}

function largest(one: RowNeeds, other: RowNeeds): RowNeeds {
  return {
    tokens: Math.max(one.tokens, other.tokens),
    sources: Math.max(one.sources, other.sources),
    width: Math.max(one.width, other.width),
  };
}

function wantedBy(rows: readonly AnsweredRow[]): Wanted {
  return rows.some(({ wantsLogits }) => wantsLogits) ? "logits" : "best";
}

/** Of each row, what a run says of its branches, in their order. */
function scoresByRow(
  slots: readonly Placed<AnsweredRow>[],
  { best, logits }: RunScores,
  vocabularySize: number,
): ReadonlyMap<AnsweredRow, readonly Scores[]> {
  const rows = new Map<AnsweredRow, Scores[]>();
  for (const [slot, { row, branch }] of slots.entries()) {
    const own = logits?.subarray(slot * vocabularySize, (slot + 1) * vocabularySize);
    const scores = rows.get(row) ?? [];
    scores[branch] = { best: best[slot] as number, ...(own && { logits: own }) };
    rows.set(row, scores);
  }
  return rows;
}

/** @throws E_ROW_GENERATE where logits are not numbers: of such the best is not the best */
function asNumbers(scores: Scores): Scores {
  if (!Number.isNaN(scores.logits?.[scores.best])) return scores;
  throw new MillraceError("E_ROW_GENERATE", "logits are not made of numbers", {
    why: "the model's states leave the range of its number format",
  });
}

function tooLong({ tokens, sources, width, source, promptIds }: AnsweredRow, limits: ArenaLimits): MillraceError {
  const slots = Math.max(limits.leastRows, width);
  const needed = arenaBytes({ slots, capacity: tokens, sources: filledUp(sources) }, limits);
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6).toLocaleString("en-US")} MB`;
  const { length } = source ?? promptIds;
  return new MillraceError("E_ROW_PROMPT", `a prompt of ${length} tokens and its answer do not fit`, {
    why: `their keys and values take ${megabytes(needed)}, and ${megabytes(limits.memoryBytes)} are allowed`,
    fix: `Allow more with --kv-memory, or ask for a shorter answer${width > 1 ? " or fewer beams" : ""}.`,
  });
}
