import { MillraceError } from "@millrace/core";
import { bestBinding } from "./bindings.js";
import type { Session, SessionBinding, SessionShape } from "./session.js";
import { type GraphPlace, withVerifiedGraph } from "./verified-graph.js";

export interface SessionOptions extends SessionShape, GraphPlace {
  /** By default the best one that can open such a session. */
  readonly binding?: SessionBinding;
}

/** Loads from verified bytes, never from the path: bytes cannot name other files. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { placement } = options;
  const { binding = bestBinding(placement === undefined ? "cpu" : "cuda") } = options;
  const session = await withVerifiedGraph(options, (graph, weights) => binding.open(graph, options, weights));
  return {
    async run(batch, signal) {
      const vectors = await session.run(batch, signal);
      requireNumbers(vectors);
      return vectors;
    },
    close: () => session.close(),
  };
}

/** States that leave the range of their number format end as NaN or an infinity. @throws E_ROW_ENCODE */
function requireNumbers(vectors: Float32Array): void {
  if (vectors.every(Number.isFinite)) return;
  throw new MillraceError("E_ROW_ENCODE", "a vector is not made of numbers", {
    why: "the model's states leave the range of its number format",
  });
}
