import { defaultPayloadConverter } from "@temporalio/common";
import type { ActivityInterceptorsFactory } from "@temporalio/worker";
import type { Tracing } from "../tracing/tracing.js";

/** Under which a workflow tells its activities their trace, as the W3C's `traceparent`. */
const header = "traceparent";

/** Has each activity's spans stand in the trace of its job; one whose workflow names none has no spans. */
export function traceActivities(tracing: Tracing): ActivityInterceptorsFactory {
  return () => ({
    inbound: {
      execute: (input, next) => {
        const payload = input.headers[header];
        const parent = payload && defaultPayloadConverter.fromPayload<string>(payload);
        const traceId = /^00-([0-9a-f]{32})-/.exec(parent ?? "")?.[1];
        return traceId === undefined ? next(input) : tracing.within(traceId, () => next(input));
      },
    },
  });
}
