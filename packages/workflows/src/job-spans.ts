import { type GenerateSteps, jobSpanId, type SpanFacts, type Steps, shardSpanId } from "@millrace/core";

/** The trace of a job. */
export interface JobTrace {
  /** 32 hex digits. */
  readonly traceId: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly attributes: SpanFacts["attributes"];
}

/** A shard that is under way. */
interface OpenShard {
  readonly startedAt: number;
  /** Writes that are still to come. */
  writes: number;
}

/**
 * Spans of a job and its shards, told as each ends. Only who orchestrates sees when that is: a shard's steps may run on
 * several machines. Each part that a large object is read in counts as a shard.
 */
export class JobSpans {
  private readonly shards = new Map<string, OpenShard>();

  constructor(
    private readonly trace: JobTrace,
    private readonly emit: (span: SpanFacts) => void,
  ) {}

  /** The same steps, a shard's span lasting from its split to the end of its write. */
  watch(steps: Steps): Steps {
    return {
      ...steps,
      split: (job, shard) =>
        this.during(shard.id, async () => {
          const split = await steps.split(job, shard);
          return { result: split, writes: split.isDone ? 0 : 1 };
        }),
      encode: (job, batches) => this.within(batches[0]?.shard ?? "", () => steps.encode(job, batches)),
      write: async (job, shard, vectors) => {
        const receipts = await this.within(shard.id, () => steps.write(job, shard, vectors));
        this.written(shard.id);
        return receipts;
      },
    };
  }

  /** The same of steps that generate, which write batch by batch. */
  watchGeneration(steps: GenerateSteps): GenerateSteps {
    return {
      ...steps,
      split: (job, shard) =>
        this.during(shard.id, async () => {
          const split = await steps.split(job, shard);
          return { result: split, writes: split.batches.length };
        }),
      generate: (job, batch) => this.within(batch.shard, () => steps.generate(job, batch)),
      write: async (job, texts) => {
        await this.within(texts.shard, () => steps.write(job, texts));
        this.written(texts.shard);
      },
    };
  }

  /** Works on the job; where that fails, its spans end. */
  async over<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      this.end(error);
      throw error;
    }
  }

  /** Tells the job's own span, and those of shards that it leaves unfinished. */
  end(error?: unknown): void {
    const { traceId, startedAt, attributes } = this.trace;
    for (const id of [...this.shards.keys()]) this.endShard(id, "unfinished");
    const failure = error === undefined ? {} : { error: nameOf(error) };
    this.emit({
      name: "job",
      traceId,
      spanId: jobSpanId(traceId),
      startedAt,
      endedAt: Date.now(),
      attributes,
      ...failure,
    });
  }

  private async during<Result>(
    id: string,
    split: () => Promise<{ readonly result: Result; readonly writes: number }>,
  ): Promise<Result> {
    this.shards.set(id, { startedAt: Date.now(), writes: 1 });
    return this.within(id, async () => {
      const { result, writes } = await split();
      const shard = this.shards.get(id);
      if (shard !== undefined) shard.writes = writes;
      if (writes === 0) this.endShard(id);
      return result;
    });
  }

  private async within<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      this.endShard(id, nameOf(error));
      throw error;
    }
  }

  private written(id: string): void {
    const shard = this.shards.get(id);
    if (shard === undefined) return;
    shard.writes -= 1;
    if (shard.writes === 0) this.endShard(id);
  }

  private endShard(id: string, error?: string): void {
    const shard = this.shards.get(id);
    if (!this.shards.delete(id) || shard === undefined) return;
    const { traceId } = this.trace;
    this.emit({
      name: "shard",
      traceId,
      spanId: shardSpanId(traceId, id),
      parentId: jobSpanId(traceId),
      startedAt: shard.startedAt,
      endedAt: Date.now(),
      attributes: { "millrace.shard": id },
      ...(error === undefined ? {} : { error }),
    });
  }
}

/** What an error is called: its code, or Temporal's type of what caused it, or its class. */
function nameOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, type } = cause as { readonly code?: unknown; readonly type?: unknown };
    if (typeof code === "string") return code;
    if (typeof type === "string") return type;
  }
  return error instanceof Error ? error.name : "unknown";
}
