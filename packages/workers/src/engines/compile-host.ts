import { type CompiledModel, compileModel, type GraphRuntime } from "@millrace/compiler";
import type { PrecisionChoice } from "@millrace/core";
import { serveHost } from "../hosts/serve.js";
import { loadTokenizer } from "../tokenize/load-tokenizer.js";
import { runGraph } from "./npm-binding.js";

export interface CompileRequest {
  readonly directory: string;
  readonly precision: PrecisionChoice;
  readonly cacheDirectory: string;
  /** Numbers to keep of each vector. */
  readonly dimensions?: number;
  /** An exported graph to use in place of the weights, relative to the directory. */
  readonly onnxFile?: string;
}

const runtime: GraphRuntime = {
  tokenize: async (texts, { tokenizerPath, ...kind }) => (await loadTokenizer(tokenizerPath, kind)).encode(texts),
  open: runGraph,
};

/** Compiles in a process of its own: weights pass through memory several times, which the main process need not keep. */
await serveHost<null, CompileRequest, CompiledModel>(async () => ({
  facts: null,
  handle: ({ directory, ...options }) => compileModel(directory, { ...options, runtime }),
}));
