import { jobSpanId } from "@millrace/core";
import { defaultPayloadConverter, type WorkflowInterceptorsFactory, workflowInfo } from "@temporalio/workflow";
import { traceIdOf, traceparentHeader } from "./trace.js";

/** Has each activity hear which trace its job is, as the W3C's `traceparent`. */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity: (input, next) => {
        const traceId = traceIdOf(workflowInfo());
        const parent = defaultPayloadConverter.toPayload(`00-${traceId}-${jobSpanId(traceId)}-01`);
        return next({ ...input, headers: { ...input.headers, [traceparentHeader]: parent } });
      },
    },
  ],
});
