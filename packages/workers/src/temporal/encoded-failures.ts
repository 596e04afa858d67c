import { DefaultFailureConverter } from "@temporalio/common";

/** Puts messages and stacks of failures among what codecs encode: left alone, Temporal keeps them in plain. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
