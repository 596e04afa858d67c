import { readFile } from "node:fs/promises";
import type { RunningGraph } from "@millrace/compiler";
import type { TokenBatch } from "@millrace/core";
import { MillraceError } from "@millrace/core";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { sha256 } from "../identity/digest.js";

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
}

/**
 * Loads from verified bytes, never from the path: bytes cannot name other files. Spinning is off and the optimiser is
 * kept at `basic`: the graph is written the way the kernels want it, and 'extended' fuses it into slower ones.
 */
export async function openSession({ graphPath, graphDigest, threads }: SessionOptions): Promise<Session> {
  const session = await createSession(await verifiedBytes(graphPath, graphDigest), threads);
  const [input] = session.inputNames;
  const [output] = session.outputNames;
  return {
    async run({ ids, rows, length }) {
      const results = await session.run({ [input as string]: new Tensor("int32", ids, [rows, length]) });
      return (results[output as string] as Tensor).data as Float32Array;
    },
  };
}

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
