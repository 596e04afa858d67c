import { type CompiledModel, compileModel } from "@millrace/compiler";
import type { Precision } from "@millrace/core";
import { serveHost } from "../hosts/serve.js";

export interface CompileRequest {
  readonly directory: string;
  readonly precision: Precision;
  readonly cacheDirectory: string;
  /** Numbers to keep of each vector. */
  readonly dimensions?: number;
  /** An exported graph to use in place of the weights, relative to the directory. */
  readonly onnxFile?: string;
}

/** Compiles in a process of its own: weights pass through memory several times, which the main process need not keep. */
await serveHost<null, CompileRequest, CompiledModel>(async () => ({
  facts: null,
  handle: ({ directory, ...options }) => compileModel(directory, options),
}));
