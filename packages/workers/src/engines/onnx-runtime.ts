import { createRequire } from "node:module";
import { join } from "node:path";
import { MillraceError } from "@millrace/core";
import type { InferenceSession } from "onnxruntime-node";
import { loadLibrary } from "../gpu/load-library.js";
import { deviceError } from "../gpu/prepare.js";
import { recordName } from "../gpu/runtime.js";

type OnnxRuntime = typeof import("onnxruntime-node");

/** One GPU for one host, with what it needs. */
export interface GpuPlacement {
  readonly gpu: number;
  /** Folder that `gpu install` made. */
  readonly runtime: string;
  /** Paths of libraries to load first, in this order. */
  readonly libraries: readonly string[];
}

/** ONNX Runtime, and how a session is put on the device. */
export interface LoadedRuntime extends Pick<OnnxRuntime, "InferenceSession" | "Tensor"> {
  readonly options: Pick<InferenceSession.SessionOptions, "executionProviders"> & { readonly sessionEntries: object };
}

/**
 * Loads npm's ONNX Runtime, or for a GPU the one with the provider; both cannot be in one process, since the loader takes
 * the first library of a name for the second. @throws E_DEVICE, E_RUNTIME
 */
export async function loadOnnxRuntime(placement: GpuPlacement | undefined): Promise<LoadedRuntime> {
  if (placement === undefined) {
    const { InferenceSession, Tensor } = await import("onnxruntime-node");
    return { InferenceSession, Tensor, options: { executionProviders: ["cpu"], sessionEntries: {} } };
  }
  requireNode22(process.versions.node);
  const { gpu, runtime, libraries } = placement;
  for (const path of libraries) {
    const problem = loadLibrary(path);
    if (problem !== undefined) throw deviceError(`cuda:${gpu}`, problem, seeDoctor);
  }
  const { InferenceSession, Tensor }: OnnxRuntime = createRequire(join(runtime, recordName))("onnxruntime-node");
  return {
    InferenceSession,
    Tensor,
    options: {
      executionProviders: [{ name: "cuda", deviceId: gpu }],
      // A node without a kernel for the GPU is an error, not work for the processor.
      sessionEntries: { disable_cpu_ep_fallback: "1" },
    },
  };
}

const seeDoctor = "What is needed and what is there is shown by: millrace doctor --gpu.";

/** float16 tensors cannot be handed to onnxruntime-node 1.30 from Node 24 on. */
export function requireNode22(version: string): void {
  if (Number(version.split(".")[0]) < 24) return;
  throw new MillraceError("E_RUNTIME", "models run on a GPU with Node 22 only", {
    why: `this is Node ${version}, from which onnxruntime-node cannot take float16 tensors`,
    fix: "Run millrace with Node 22.",
  });
}

/** What became of a session that could not be put on a GPU, told from ONNX Runtime's message. */
export function sessionError(error: unknown, { gpu }: GpuPlacement): MillraceError {
  const message = error instanceof Error ? error.message : String(error);
  const device = `cuda:${gpu}`;
  if (message.includes("assigned to the default CPU EP"))
    return deviceError(device, "the model has an operator without a kernel for the GPU", "Use --device cpu.");
  const failure = /CUDA failure (\d+): (.*?) ?;/.exec(message);
  if (failure !== null)
    return deviceError(device, `no CUDA device: ${failure[2]} (CUDA error ${failure[1]})`, seeDoctor);
  return deviceError(device, message.split("\n")[0] ?? "the session cannot be made", seeDoctor);
}
