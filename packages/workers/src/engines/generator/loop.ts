import {
  type CancelSignal,
  type Detokenizer,
  type FinishReason,
  type GeneratedRow,
  type GenerateRequest,
  MillraceError,
} from "@millrace/core";
import { answerTexts } from "../decoding/answer-texts.js";
import { type ArenaLimits, type ArenaShape, arenaBytes, planArena } from "../decoding/arena.js";
import { type Operation, Scheduler } from "../decoding/scheduler.js";
import { type Scores, Sequence } from "../decoding/sequence.js";
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
  private scheduler: Scheduler<Sequence>;
  private arena: Arena | undefined;
  private readonly waiters = new Map<Sequence, Waiter>();
  private running: Promise<void> | undefined;

  constructor(private readonly options: LoopOptions) {
    this.scheduler = this.schedulerFor({ slots: 0, capacity: 0 });
  }

  /** Requests that are not answered. */
  get size(): number {
    return this.waiters.size;
  }

  generate(request: GenerateRequest, signal?: CancelSignal): Promise<GeneratedRow> {
    const row = new Sequence(request);
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
    const longest = others.reduce((most, { tokens }) => Math.max(most, tokens), first.tokens);
    const shape = planArena(longest, limits) ?? planArena(first.tokens, limits);
    if (shape === undefined) {
      this.reject(first, tooLong(first, limits));
      return this.betterShape();
    }
    const { slots, capacity } = this.arena ?? { slots: 0, capacity: 0 };
    const isWorthIt = others.length >= slots && shape.slots >= 2 * slots;
    return first.tokens > capacity || isWorthIt ? shape : undefined;
  }

  private async reopen(shape: ArenaShape): Promise<void> {
    await this.arena?.close();
    this.arena = undefined;
    this.arena = await this.options.decoder.openArena(shape);
    const waiting = this.scheduler.queue;
    this.scheduler = this.schedulerFor(shape);
    for (const row of waiting) this.scheduler.add(row);
  }

  private schedulerFor(shape: ArenaShape): Scheduler<Sequence> {
    const { chunkTokens, stepTokens } = this.options;
    return new Scheduler({ ...shape, chunkTokens, stepTokens });
  }

  private async perform(arena: Arena, operation: Operation<Sequence>): Promise<void> {
    if (operation.kind === "copy") return arena.copy(operation.from, operation.to, operation.tokens);
    if (operation.kind === "decode") {
      const { rows } = operation;
      const ids = Int32Array.from(rows, ({ last }) => last);
      const pasts = Int32Array.from(rows, ({ past }) => past);
      const scores = await arena.decode(ids, pasts, wantedBy(rows));
      this.options.onTokens?.(0, rows.length);
      return this.take(rows, scores);
    }
    const { row, from, to, isLast } = operation;
    const wanted = isLast ? wantedBy([row]) : "nothing";
    const scores = await arena.prefill(row.promptIds.subarray(from, to), from, wanted);
    this.options.onTokens?.(to - from, isLast ? 1 : 0);
    if (isLast) await this.take([row], scores);
  }

  private async take(rows: readonly Sequence[], scores: RunScores): Promise<void> {
    const { vocabularySize } = this.options.decoder;
    // Who gave up meanwhile has left.
    const present = [...rows.entries()].filter(([, row]) => this.waiters.has(row));
    const reasons = new Map<Sequence, FinishReason>();
    for (const [index, row] of present) {
      try {
        const reason = row.take(scoresOf(scores, index, vocabularySize));
        if (reason !== undefined) reasons.set(row, reason);
      } catch (error) {
        this.reject(row, error);
      }
    }
    const stopped = await stoppedTexts(
      present.map(([, row]) => row),
      this.options.detokenizer,
    );
    for (const row of stopped.keys()) reasons.set(row, "stop");
    const finished = [...reasons].filter(([row]) => this.waiters.has(row));
    const unread = finished.filter(([row]) => !stopped.has(row));
    const texts = await answerTexts(
      unread.map(([row]) => row),
      this.options.detokenizer,
    );
    const read = new Map(unread.map(([row], index) => [row, texts[index] as string]));
    for (const [row, reason] of finished) {
      const waiter = this.waiters.get(row);
      this.forget(row);
      waiter?.resolve(row.answer(stopped.get(row) ?? read.get(row) ?? "", reason));
    }
  }

  private reject(row: Sequence, error: unknown): void {
    const waiter = this.waiters.get(row);
    this.forget(row);
    waiter?.reject(error);
  }

  /** @returns whether somebody waited for it */
  private forget(row: Sequence): boolean {
    this.scheduler.remove(row);
    return this.waiters.delete(row);
  }
}

function wantedBy(rows: readonly Sequence[]): Wanted {
  return rows.some(({ wantsLogits }) => wantsLogits) ? "logits" : "best";
}

/** @throws E_ROW_GENERATE where logits are not numbers: of such the best is not the best */
function scoresOf({ best, logits }: RunScores, row: number, vocabularySize: number): Scores {
  const own = logits?.subarray(row * vocabularySize, (row + 1) * vocabularySize);
  const id = best[row] as number;
  if (own !== undefined && Number.isNaN(own[id])) {
    throw new MillraceError("E_ROW_GENERATE", "logits are not made of numbers", {
      why: "the model's states leave the range of its number format",
    });
  }
  return { best: id, ...(own && { logits: own }) };
}

function tooLong(
  { tokens, promptIds }: Sequence,
  { bytesPerToken, memoryBytes, leastRows }: ArenaLimits,
): MillraceError {
  const needed = arenaBytes({ slots: leastRows, capacity: tokens }, bytesPerToken);
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6).toLocaleString("en-US")} MB`;
  return new MillraceError("E_ROW_PROMPT", `a prompt of ${promptIds.length} tokens and its answer do not fit`, {
    why: `their keys and values take ${megabytes(needed)}, and ${megabytes(memoryBytes)} are allowed`,
    fix: "Allow more with --kv-memory, or ask for a shorter answer.",
  });
}
