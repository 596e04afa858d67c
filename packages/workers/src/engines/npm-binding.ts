import type { RunningGraph } from "@millrace/compiler";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { SessionBinding } from "./session.js";

/** The binding that comes with onnxruntime-node: it is always there, and its `run` blocks the thread. */
export const npmBinding: SessionBinding = {
  name: "onnxruntime-node",
  maximumLanes: 1,
  async open(graph, { threads }) {
    const session = await createSession(graph, threads);
    const [input] = session.inputNames;
    const [output] = session.outputNames;
    return {
      async run({ ids, rows, length }) {
        const results = await session.run({ [input as string]: new Tensor("int32", ids, [rows, length]) });
        return (results[output as string] as Tensor).data as Float32Array;
      },
      close: () => session.release(),
    };
  },
};

/** Opens a graph that the compiler has just made, with any outputs. One thread: kernels then sum in the same order everywhere. */
export async function runGraph(graph: Uint8Array): Promise<RunningGraph> {
  const session = await createSession(graph, 1);
  const [input] = session.inputNames;
  return {
    async run({ ids, rows, length }) {
      const results = await session.run({ [input as string]: new Tensor("int32", ids, [rows, length]) });
      return new Map(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
    },
    close: () => session.release(),
  };
}

/**
 * Spinning is off and the optimiser is kept at `basic`: the graph is written the way the kernels want it, and 'extended'
 * fuses it into slower ones.
 */
function createSession(graph: Uint8Array, threads: number): Promise<InferenceSession> {
  return InferenceSession.create(graph, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "basic",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
}
