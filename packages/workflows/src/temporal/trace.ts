import type { SpanFacts } from "@millrace/core";
import { proxySinks, type Sinks, type WorkflowInfo, workflowInfo } from "@temporalio/workflow";
import { JobSpans } from "../job-spans.js";

/** Header under which an activity hears of its trace. */
export const traceparentHeader = "traceparent";

/** What a worker must take from workflows: spans as they end, never those of a replay. */
export interface TraceSinks extends Sinks {
  readonly tracing: { emit(span: SpanFacts): void };
}

/** A job is one trace, over all its histories: the id of the first run is as random as a trace's must be. */
export function traceIdOf({ firstExecutionRunId }: WorkflowInfo): string {
  return firstExecutionRunId.replaceAll("-", "");
}

/** Spans of the workflow's job, told to whichever worker runs it. */
export function openJobSpans(): JobSpans {
  const info = workflowInfo();
  const { tracing } = proxySinks<TraceSinks>();
  const attributes = { "temporal.workflow_id": info.workflowId };
  const trace = { traceId: traceIdOf(info), startedAt: info.startTime.getTime(), attributes };
  return new JobSpans(trace, (span) => tracing.emit(span));
}
