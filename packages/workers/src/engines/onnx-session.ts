import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import type { RunningGraph, WeightsPlace } from "@millrace/compiler";
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
  /** Files that the graph takes weights from. */
  readonly weights: readonly WeightsPlace[];
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
  const weights = await Promise.all(options.weights.map(verifiedWeights));
  const { session, Tensor: InputTensor } = await createSession(await verifiedBytes(graphPath, graphDigest), {
    ...options,
    weights,
  });
  const [input] = session.inputNames;
  const [output] = session.outputNames;
  return {
    async run({ ids, rows, length }) {
      const results = await session.run({ [input as string]: new InputTensor("int32", ids, [rows, length]) });
      const vectors = (results[output as string] as Tensor).data as Float32Array;
      requireNumbers(vectors);
      return vectors;
    },
  };
}

interface Surroundings extends Pick<SessionOptions, "threads" | "placement" | "optimization"> {
  /** Files that the graph names, in memory. */
  readonly weights?: readonly { readonly path: string; readonly data: Uint8Array }[];
}

async function createSession(
  graph: Uint8Array,
  { threads, placement, optimization = "basic", weights = [] }: Surroundings,
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

/** Read in pieces: files of weights may be larger than one read call takes. */
async function verifiedWeights({ path, name, bytes, sha256: expected }: WeightsPlace) {
  const data = new Uint8Array(bytes);
  const hash = createHash("sha256");
  let filled = 0;
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
      if (filled + piece.length > bytes) break;
      data.set(piece, filled);
      hash.update(piece);
      filled += piece.length;
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const digest = hash.digest("hex");
  if (digest === expected) return { path: name, data };
  throw damaged(path, { digest, expected });
}

/** States that leave the range of their number format end as NaN or an infinity. @throws E_ROW_ENCODE */
function requireNumbers(vectors: Float32Array): void {
  if (vectors.every(Number.isFinite)) return;
  throw new MillraceError("E_ROW_ENCODE", "a vector is not made of numbers", {
    why: "the model's states leave the range of its number format",
  });
}

async function verifiedBytes(graphPath: string, graphDigest: string): Promise<Uint8Array> {
  const bytes = await readFile(graphPath).catch((cause: unknown) => {
    throw unreadable(graphPath, cause);
  });
  const digest = sha256(bytes);
  if (digest === graphDigest) return bytes;
  throw damaged(graphPath, { digest, expected: graphDigest });
}

function unreadable(path: string, cause: unknown): MillraceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MillraceError("E_MODEL_DIGEST", `the compiled graph ${path} cannot be read`, {
    why,
    fix: "Run again: it is compiled anew.",
    cause,
  });
}

function damaged(path: string, { digest, expected }: { digest: string; expected: string }): MillraceError {
  return new MillraceError("E_MODEL_DIGEST", `the compiled graph ${path} is damaged`, {
    why: `its sha256 is ${digest.slice(0, 12)}…, not ${expected.slice(0, 12)}…`,
    fix: "Delete its folder; it is compiled again on the next run.",
  });
}
