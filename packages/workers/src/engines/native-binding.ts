import { availableParallelism } from "node:os";
import { Session as NativeSession, Runtime } from "@millrace/native";
import type { SessionBinding } from "./session.js";

/** Our own binding, where it is built: runs leave the thread alone, and share the weights. Set as the other one is. */
export const nativeBinding: SessionBinding | undefined = Runtime.isPresent()
  ? {
      name: "native",
      maximumLanes: availableParallelism(),
      hasGpus: false,
      endsRuns: true,
      async open(graph, { threads, lanes = 1, optimization = "basic" }, weights = []) {
        const session = await NativeSession.create(graph, {
          optimization,
          threads,
          lanes,
          weights: weights.map(({ path, data }) => ({ name: path, data })),
          entries: { "session.intra_op.allow_spinning": "0" },
        });
        const [input, second] = session.inputNames;
        const [output] = session.outputNames;
        return {
          async run({ ids, segments, rows, length }, signal) {
            const tensor = (data: Int32Array) => ({ type: "int32", dims: [rows, length], data }) as const;
            const tensors = {
              [input as string]: tensor(ids),
              ...(second !== undefined && { [second]: tensor(segments ?? new Int32Array(ids.length)) }),
            };
            const results = await session.run(tensors, { outputs: [output as string], ...(signal && { signal }) });
            return results[output as string]?.data as Float32Array;
          },
          close: () => session.close(),
        };
      },
    }
  : undefined;
