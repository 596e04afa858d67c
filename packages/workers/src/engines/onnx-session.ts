import { readFile } from "node:fs/promises";
import type { RunningGraph } from "@millrace/compiler";
import type { TokenBatch } from "@millrace/core";
import { MillraceError } from "@millrace/core";
import type { Tensor } from "onnxruntime-node";
import { sha256 } from "../identity/digest.js";
import { type GpuPlacement, loadOnnxRuntime, sessionError } from "./onnx-runtime.js";

/** A compiled graph in memory, ready to run on this thread. */
export interface Session {
  /** Blocks the thread while the kernels run. Vectors, row after row. */
  run(batch: TokenBatch): Promise<Float32Array>;
}

export interface SessionOptions {
  readonly graphPath: string;
  /** sha256 the graph must have: a model file is code. */
  readonly graphDigest: string;
  readonly threads: number;
  /** By default the processor runs it. */
  readonly placement?: GpuPlacement;
  /** How far ONNX Runtime may change the graph; by default `basic`, and anything else is there to be compared with. */
  readonly optimization?: "basic" | "all";
}

/**
 * Loads from verified bytes, never from the path: bytes cannot name other files. Spinning is off and the optimiser is
 * kept at `basic`: the graph is written the way the kernels want it, and 'extended' fuses it into slower ones.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { graphPath, graphDigest } = options;
  const { session, Tensor: InputTensor } = await createSession(await verifiedBytes(graphPath, graphDigest), options);
  const [input] = session.inputNames;
  const [output] = session.outputNames;
  return {
    async run({ ids, rows, length }) {
      const results = await session.run({ [input as string]: new InputTensor("int32", ids, [rows, length]) });
      const vectors = (results[output as string] as Tensor).data as Float32Array;
      requireNumbers(vectors, rows);
      return vectors;
    },
  };
}

type Surroundings = Pick<SessionOptions, "threads" | "placement" | "optimization">;

async function createSession(graph: Uint8Array, { threads, placement, optimization = "basic" }: Surroundings) {
  const { InferenceSession, Tensor, options } = await loadOnnxRuntime(placement);
  const { executionProviders = [], sessionEntries } = options;
  const session = await InferenceSession.create(graph, {
    executionProviders,
    graphOptimizationLevel: optimization,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: "0" }, ...sessionEntries } },
  }).catch((error: unknown) => {
    throw placement === undefined ? error : sessionError(error, placement);
  });
  return { session, Tensor };
}

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

/** States that leave the range of their number format make every number of a vector NaN. @throws E_ROW_ENCODE */
function requireNumbers(vectors: Float32Array, rows: number): void {
  const width = vectors.length / rows;
  for (let row = 0; row < rows; row += 1) {
    if (Number.isFinite(vectors[row * width])) continue;
    throw new MillraceError("E_ROW_ENCODE", "a vector is not made of numbers", {
      why: "the model's states leave the range of its number format",
    });
  }
}

async function verifiedBytes(graphPath: string, graphDigest: string): Promise<Uint8Array> {
  const bytes = await readFile(graphPath).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError("E_MODEL_DIGEST", `the compiled graph ${graphPath} cannot be read`, {
      why,
      fix: "Run again: it is compiled anew.",
      cause,
    });
  });
  const digest = sha256(bytes);
  if (digest === graphDigest) return bytes;
  throw new MillraceError("E_MODEL_DIGEST", `the compiled graph ${graphPath} is damaged`, {
    why: `its sha256 is ${digest.slice(0, 12)}…, not ${graphDigest.slice(0, 12)}…`,
    fix: "Delete its folder; it is compiled again on the next run.",
  });
}
