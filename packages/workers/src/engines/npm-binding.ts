import type { RunningGraph } from "@millrace/compiler";
import type { Tensor } from "onnxruntime-node";
import { loadOnnxRuntime, sessionError } from "./onnx-runtime.js";
import type { LoadedWeights, SessionBinding, SessionShape } from "./session.js";

/** The binding that comes with onnxruntime-node: it is always there, and its `run` blocks the thread. */
export const npmBinding: SessionBinding = {
  name: "onnxruntime-node",
  maximumLanes: 1,
  hasGpus: true,
  endsRuns: false,
  async open(graph, shape, weights) {
    const { session, Tensor: InputTensor } = await createSession(graph, shape, weights);
    const [input, second] = session.inputNames;
    const [output] = session.outputNames;
    return {
      async run({ ids, segments, rows, length }) {
        const tensor = (data: Int32Array) => new InputTensor("int32", data, [rows, length]);
        const results = await session.run({
          [input as string]: tensor(ids),
          ...(second !== undefined && { [second]: tensor(segments ?? new Int32Array(ids.length)) }),
        });
        return (results[output as string] as Tensor).data as Float32Array;
      },
      close: () => session.release(),
    };
  },
};

/**
 * A session of npm's binding and its tensors. Spinning is off and the optimiser is kept at `basic`: the graph is written the way the kernels want it, and 'extended'
 * fuses it into slower ones.
 */
export async function createSession(
  graph: Uint8Array,
  { threads, placement, optimization = "basic" }: SessionShape,
  weights: readonly LoadedWeights[] = [],
) {
  const { InferenceSession, Tensor, options } = await loadOnnxRuntime(placement);
  const { executionProviders = [], sessionEntries } = options;
  const session = await InferenceSession.create(graph, {
    executionProviders,
    graphOptimizationLevel: optimization,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    logSeverityLevel: 3,
    externalData: weights,
    extra: { session: { intra_op: { allow_spinning: "0" }, ...readNothing, ...sessionEntries } },
  }).catch((error: unknown) => {
    throw placement === undefined ? error : sessionError(error, placement);
  });
  return { session, Tensor };
}

/** A graph from bytes would look for weights in the folder the process happens to be in: below a device there are no files. */
const readNothing = { model_external_initializers_file_folder_path: "/dev/null/given-as-bytes" };

/** Opens a graph that the compiler has just made, with any outputs. One thread: kernels then sum in the same order everywhere. */
export async function runGraph(graph: Uint8Array): Promise<RunningGraph> {
  const { session, Tensor: InputTensor } = await createSession(graph, { threads: 1 });
  const [input] = session.inputNames;
  return {
    async run({ ids, rows, length }) {
      const results = await session.run({ [input as string]: new InputTensor("int32", ids, [rows, length]) });
      return new Map(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
    },
    close: () => session.release(),
  };
}
