import { type BatchRef, jobSpanId, type SpanFacts, shardSpanId } from "@millrace/core";
import {
  type Attributes,
  type Context,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type IdGenerator, RandomIdGenerator, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Around, StepCall } from "../steps/around-steps.js";
import { asStepError, isCancellation } from "../steps/step-error.js";

export interface TracingOptions {
  /** Of a collector that speaks OTLP over HTTP: `http://localhost:4318`; `/v1/traces` follows where it is not there. */
  readonly endpoint: string;
  /** Of millrace. */
  readonly version: string;
  /** Told, once, why spans do not arrive. */
  readonly onProblem: (why: string) => void;
}

/** How long a process that ends waits for its last spans to be taken. */
const closeMilliseconds = 5_000;

/**
 * Spans of what this process does, sent to a collector. They hold ids, counts and codes: never text, nor names of objects.
 * Headers, timeout, compression, resource and the batching of spans are set by OpenTelemetry's own variables.
 */
export class Tracing {
  private readonly ids = new ForcedIds();
  private readonly contexts = new AsyncLocalStorageContextManager().enable();
  private readonly provider: TracerProvider;

  constructor({ endpoint, version, onProblem }: TracingOptions) {
    listenForProblems(onProblem);
    const own = resourceFromAttributes({ "service.name": "millrace", "service.version": version });
    this.provider = new TracerProvider({
      resource: defaultResource()
        .merge(own)
        .merge(detectResources({ detectors: [envDetector] })),
      idGenerator: this.ids,
      spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: tracesUrl(endpoint) }) })],
    });
  }

  /** Id of a trace that begins here. */
  newTraceId(): string {
    return this.ids.random.generateTraceId();
  }

  /** Runs what belongs to the trace of a job. */
  within<Result>(traceId: string, work: () => Promise<Result>): Promise<Result> {
    return this.contexts.with(remote(traceId, jobSpanId(traceId)), work);
  }

  /** Sends a span that somebody else has measured. */
  emit({ name, traceId, spanId, parentId, startedAt, endedAt, attributes, error }: SpanFacts): void {
    this.ids.next = { traceId, spanId };
    const parent = parentId === undefined ? ROOT_CONTEXT : remote(traceId, parentId);
    const span = this.tracer.startSpan(name, { startTime: startedAt, attributes }, parent);
    this.ids.next = undefined;
    if (error !== undefined) fail(span, error);
    span.end(endedAt);
  }

  /** A span for each step, below its shard's, or below the job's where it is of no shard. */
  readonly around: Around = (call, work) => {
    const traceId = trace.getSpanContext(this.contexts.active())?.traceId;
    if (traceId === undefined) return work().then(({ result }) => result);
    const parent = remote(traceId, call.shard === undefined ? jobSpanId(traceId) : shardSpanId(traceId, call.shard));
    return this.during(call.step, { attributes: attributesOf(call), parent }, async (span) => {
      const { result, facts } = await work();
      for (const [name, value] of Object.entries(facts)) span.setAttribute(`millrace.${name}`, value);
      return result;
    });
  };

  /** A span for one batch of a step. */
  batch<Result>({ index, chunks, tokens }: BatchRef, work: () => Promise<Result>): Promise<Result> {
    const attributes = { "millrace.batch": index, "millrace.chunks": chunks, "millrace.tokens": tokens };
    return this.span("batch", attributes, work);
  }

  /** A span below whatever is under way; without a trace there is none. */
  span<Result>(name: string, attributes: Attributes, work: () => Promise<Result>): Promise<Result> {
    const parent = this.contexts.active();
    return trace.getSpanContext(parent) === undefined ? work() : this.during(name, { attributes, parent }, work);
  }

  /** Sends what is left, for a few seconds at most. */
  async close(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, closeMilliseconds);
    await Promise.race([this.provider.shutdown().catch(() => {}), late]);
    clearTimeout(deadline);
    this.contexts.disable();
  }

  private get tracer() {
    return this.provider.getTracer("millrace");
  }

  private async during<Result>(
    name: string,
    { attributes, parent }: { readonly attributes: Attributes; readonly parent: Context },
    work: (span: Span) => Promise<Result>,
  ): Promise<Result> {
    const span = this.tracer.startSpan(name, { attributes }, parent);
    try {
      return await this.contexts.with(trace.setSpan(parent, span), () => work(span));
    } catch (error) {
      fail(span, isCancellation(error) ? "cancelled" : asStepError(error).code);
      throw error;
    } finally {
      span.end();
    }
  }
}

/** Random ids, but for a span whose ids are given. */
class ForcedIds implements IdGenerator {
  readonly random = new RandomIdGenerator();
  next: { readonly traceId: string; readonly spanId: string } | undefined;

  generateTraceId(): string {
    return this.next?.traceId ?? this.random.generateTraceId();
  }

  generateSpanId(): string {
    return this.next?.spanId ?? this.random.generateSpanId();
  }
}

function remote(traceId: string, spanId: string): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}

/** Of an error its code alone: its words may name objects. */
function fail(span: Span, code: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  span.setAttribute("error.type", code);
}

function attributesOf({ job, shard, batches }: StepCall): Attributes {
  return {
    "millrace.job": job,
    ...(shard !== undefined && { "millrace.shard": shard }),
    ...(batches !== undefined && { "millrace.batches": [...batches] }),
  };
}

function tracesUrl(endpoint: string): string {
  const url = endpoint.replace(/\/+$/, "");
  return url.endsWith("/v1/traces") ? url : `${url}/v1/traces`;
}

/** The library tells of a failed export only here, and again and again. */
function listenForProblems(onProblem: (why: string) => void): void {
  let isTold = false;
  const nothing = () => {};
  const tell = (message: string) => {
    if (!isTold) onProblem(message);
    isTold = true;
  };
  diag.setLogger({ error: tell, warn: nothing, info: nothing, debug: nothing, verbose: nothing });
}
