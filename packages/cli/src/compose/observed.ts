import type { GenerateSteps, Log, ReindexSteps, Sink, Steps } from "@millrace/core";
import {
  type Around,
  aroundGenerateSteps,
  aroundReindexSteps,
  aroundSteps,
  createTracing,
  type EncodeContext,
  type GenerateContext,
  logging,
  type Metrics,
  meteredGenerateSteps,
  meteredReindexSteps,
  meteredSink,
  meteredSteps,
  type StoreDriver,
  type Tracing,
  tracedEncoder,
  tracedGenerator,
  tracedSink,
} from "@millrace/workers";
import { JobSpans } from "@millrace/workflows";
import type { Settings } from "../config/settings.js";
import { version } from "../version.js";
import type { Say } from "./model.js";

/** Who is to hear of what a process does. */
export interface Observers {
  readonly log?: Log | undefined;
  readonly metrics?: Metrics | undefined;
  readonly tracing?: Tracing | undefined;
}

/** Sends traces where the settings say to; undefined where they say nothing. */
export async function openTracing({ otlpEndpoint }: Settings, say: Say): Promise<Tracing | undefined> {
  if (otlpEndpoint === undefined) return undefined;
  const onProblem = (why: string) => say(`traces do not reach ${otlpEndpoint}: ${why.split("\n", 1)[0]}`);
  return createTracing({ endpoint: otlpEndpoint, version, onProblem });
}

/** The same steps, counted, logged and traced for whoever hears of it. */
export function observedSteps<Part extends Partial<Steps>>(steps: Part, { metrics, ...others }: Observers): Part {
  const counted = metrics === undefined ? steps : meteredSteps(steps, metrics);
  return aroundsOf(others).reduce<Part>(aroundSteps, counted);
}

/** The same of the steps after a reindex' filling. */
export function observedReindex<Part extends Partial<ReindexSteps>>(
  steps: Part,
  { metrics, ...others }: Observers,
): Part {
  const counted = metrics === undefined ? steps : meteredReindexSteps(steps, metrics);
  return aroundsOf(others).reduce<Part>(aroundReindexSteps, counted);
}

function aroundsOf({ log, tracing }: Observers): readonly Around[] {
  return [...(log === undefined ? [] : [logging(log)]), ...(tracing === undefined ? [] : [tracing.around])];
}

export function observedSink(sink: Sink, driver: StoreDriver, { metrics, tracing }: Observers): Sink {
  const counted = metrics === undefined ? sink : meteredSink(sink, driver, metrics);
  return tracing === undefined ? counted : tracedSink(counted, driver, tracing);
}

/** What `encode` works with, its batches and engine runs traced. */
export function observedEncoding<Context extends EncodeContext>(context: Context, { tracing }: Observers): Context {
  if (tracing === undefined) return context;
  const { aroundBatch = (_, work) => work() } = context;
  return {
    ...context,
    encoder: tracedEncoder(context.encoder, tracing),
    aroundBatch: (batch, work) => tracing.batch(batch, () => aroundBatch(batch, work)),
  };
}

/** The same of steps that generate. */
export function observedGeneration<Part extends Partial<GenerateSteps>>(
  steps: Part,
  { metrics, ...others }: Observers,
): Part {
  const counted = metrics === undefined ? steps : meteredGenerateSteps(steps, metrics);
  return aroundsOf(others).reduce<Part>(aroundGenerateSteps, counted);
}

/** What `generate` works with, its answers traced. */
export function observedAnswering<Context extends Pick<GenerateContext, "generator">>(
  context: Context,
  { tracing }: Observers,
): Context {
  return tracing === undefined ? context : { ...context, generator: tracedGenerator(context.generator, tracing) };
}

/** A job that this process orchestrates, as the trace that it is. */
export interface TracedJob {
  /** The same steps, their spans in the trace and its shards among them. */
  embed(steps: Steps): Steps;
  reindex(steps: ReindexSteps): ReindexSteps;
  generate(steps: GenerateSteps): GenerateSteps;
  /** The job is over; what is left of its spans is sent. */
  end(): Promise<void>;
}

/** Begins the trace of a job. @param job its id */
export function traceJob(job: string, tracing: Tracing | undefined): TracedJob {
  if (tracing === undefined) return untraced;
  const traceId = tracing.newTraceId();
  const trace = { traceId, startedAt: Date.now(), attributes: { "millrace.job": job } };
  const spans = new JobSpans(trace, (span) => tracing.emit(span));
  let failure: unknown;
  const around: Around = async (_, work) => {
    try {
      return (await tracing.within(traceId, work)).result;
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  return {
    embed: (steps) => spans.watch(aroundSteps(steps, around)),
    reindex: (steps) => aroundReindexSteps(steps, around),
    generate: (steps) => spans.watchGeneration(aroundGenerateSteps(steps, around)),
    end: async () => {
      spans.end(failure);
      await tracing.close();
    },
  };
}

const untraced: TracedJob = {
  embed: (steps) => steps,
  reindex: (steps) => steps,
  generate: (steps) => steps,
  end: async () => {},
};
