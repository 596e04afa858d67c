import type { ProgressState } from "../report/progress.js";

/** The stages of a job, in the order the data flows. */
export const stageNames = ["read", "encode", "write"] as const;
export type StageName = (typeof stageNames)[number];

/** `running` where somebody works on it; `interrupted` where nobody does and work is left; the others are Temporal's too. */
export type JobState =
  | "running"
  | "paused"
  | "interrupted"
  | "done"
  | "failed"
  | "cancelled"
  | "terminated"
  | "unknown";

/** Chunks on their way into the store. */
export interface Flow {
  /** That have been through each stage. */
  readonly chunks: Readonly<Record<StageName, number>>;
  /** That wait for the encoder, and for the store. */
  readonly waiting: { readonly encode: number; readonly write: number };
  readonly points: number;
}

/** A job at one moment, whoever runs it. */
export interface JobMoment {
  readonly id: string;
  readonly origin: "work" | "temporal";
  /** What it fills from what, where that is known. */
  readonly corpus?: string;
  readonly store?: string;
  readonly model?: string;
  readonly state: JobState;
  readonly progress: ProgressState;
  /** How far each stage is; absent for a job that answers prompts. */
  readonly flow?: Flow;
  /** What the last commit left in the store. */
  readonly committed?: { readonly documents: number; readonly points: number };
}

/** A job as the page shows it; the times and rates are those that were seen from here. */
export interface JobView extends Omit<JobMoment, "flow"> {
  readonly points: number | undefined;
  /** 0 to 1; absent where it cannot be told. */
  readonly share: number | undefined;
  readonly tokensPerSecond: number | undefined;
  readonly remainingMs: number | undefined;
  /** Empty for a job that answers prompts. */
  readonly stages: readonly StageView[];
}

export interface StageView {
  readonly name: StageName;
  readonly chunks: number;
  /** Chunks a second in the recent past; absent where nothing is under way. */
  readonly rate: number | undefined;
  /** True for the one that the others wait for. */
  readonly isNarrowest: boolean;
}

/** Adds to jobs what follows from having seen them before. */
export class JobWatch {
  private readonly seen = new Map<string, readonly Sample[]>();

  view(moment: JobMoment, atMs: number): JobView {
    const { flow, ...job } = moment;
    const { tokens, tokensTotal } = job.progress;
    const isUnderWay = job.state === "running";
    const samples = [...recent(this.seen.get(job.id) ?? [], atMs), { atMs, chunks: flow?.chunks, tokens }];
    if (isUnderWay) this.seen.set(job.id, samples);
    else this.seen.delete(job.id);
    const rate = (measure: (sample: Sample) => number) => (isUnderWay ? rateOf(samples, measure) : undefined);
    const narrowest = isUnderWay && flow !== undefined ? narrowestStage(flow, job.progress) : undefined;
    const tokensPerSecond = rate((sample) => sample.tokens);
    return {
      ...job,
      points: flow?.points,
      stages: (flow === undefined ? [] : stageNames).map((name) => ({
        name,
        chunks: flow?.chunks[name] ?? 0,
        rate: rate((sample) => sample.chunks?.[name] ?? 0),
        isNarrowest: name === narrowest,
      })),
      share: shareOf(job.progress, job.state),
      tokensPerSecond,
      remainingMs:
        tokensPerSecond === undefined || tokensTotal === undefined
          ? undefined
          : (1000 * Math.max(0, tokensTotal - tokens)) / tokensPerSecond,
    };
  }
}

/**
 * The stage that the others wait for: before it, work piles up. Where nothing waits, reading holds them up, unless all is read.
 */
export function narrowestStage(
  { waiting }: Pick<Flow, "waiting">,
  progress: Pick<ProgressState, "bytesDone" | "bytesTotal">,
): StageName | undefined {
  if (waiting.write > waiting.encode) return "write";
  if (waiting.encode > 0) return "encode";
  return progress.bytesDone < progress.bytesTotal ? "read" : undefined;
}

interface Sample {
  readonly atMs: number;
  readonly chunks: Flow["chunks"] | undefined;
  readonly tokens: number;
}

/** Work folders tell of whole batches, each of which may take a minute. */
const recentMs = 180_000;
/** A rate over less than this says nothing yet. */
const leastMs = 900;

function recent(samples: readonly Sample[], atMs: number): readonly Sample[] {
  return samples.filter((sample) => atMs - sample.atMs <= recentMs);
}

/** A second's worth; undefined while nothing moves. */
function rateOf(samples: readonly Sample[], measure: (sample: Sample) => number): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.atMs - first.atMs < leastMs) return undefined;
  const done = measure(last) - measure(first);
  return done > 0 ? (1000 * done) / (last.atMs - first.atMs) : undefined;
}

/** Of the tokens; where nobody knows how many those will be, of the documents or prompts. */
function shareOf(progress: ProgressState, state: JobState): number | undefined {
  if (state === "done") return 1;
  const { tokens, tokensTotal, documents, documentsTotal } = progress;
  const [done, total] = tokensTotal === undefined ? [documents, documentsTotal] : [tokens, tokensTotal];
  return total === undefined || total === 0 ? undefined : Math.min(1, done / total);
}
