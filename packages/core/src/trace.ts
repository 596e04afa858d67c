import { hashOf } from "./id-digest.js";

/** A span of a trace that is over: of a job, or of a shard. Plain JSON: it is told by whoever orchestrates, wherever that is. */
export interface SpanFacts {
  readonly name: "job" | "shard";
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits, by `jobSpanId` or `shardSpanId`. */
  readonly spanId: string;
  /** Without one it is the trace's root. */
  readonly parentId?: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Code or name of the error it ended with. */
  readonly error?: string;
}

/** Id of a job's span: it follows from the trace alone, so that who works on a part of the job knows it. */
export function jobSpanId(traceId: string): string {
  return spanId(traceId, "job");
}

/** Id of a shard's span. */
export function shardSpanId(traceId: string, shard: string): string {
  return spanId(traceId, `shard ${shard}`);
}

/** 16 hex digits, not all of them 0. */
function spanId(traceId: string, name: string): string {
  const text = `${traceId} ${name}`;
  return [hashOf(text, 5) || 1, hashOf(text, 6)].map((word) => word.toString(16).padStart(8, "0")).join("");
}
