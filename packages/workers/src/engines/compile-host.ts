import {
  type CompileClassifierOptions,
  type CompiledClassifier,
  type CompiledModel,
  compileClassifier,
  compileModel,
  type GraphRuntime,
} from "@millrace/compiler";
import type { PrecisionChoice } from "@millrace/core";
import { serveHost } from "../hosts/serve.js";
import { loadTokenizer } from "../tokenize/load-tokenizer.js";
import { runGraph } from "./npm-binding.js";

export interface EncoderRequest {
  readonly directory: string;
  readonly precision: PrecisionChoice;
  readonly cacheDirectory: string;
  /** Numbers to keep of each vector. */
  readonly dimensions?: number;
  /** An exported graph to use in place of the weights, relative to the directory. */
  readonly onnxFile?: string;
}

/** What is to be compiled. */
export type CompileRequest =
  | (EncoderRequest & { readonly kind: "encoder" })
  | (CompileClassifierOptions & { readonly kind: "classifier"; readonly directory: string });

const runtime: GraphRuntime = {
  tokenize: async (texts, { tokenizerPath, ...kind }) => (await loadTokenizer(tokenizerPath, kind)).encode(texts),
  open: runGraph,
};

/** Compiles in a process of its own: weights pass through memory several times, which the main process need not keep. */
await serveHost<null, CompileRequest, CompiledModel | CompiledClassifier>(async () => ({
  facts: null,
  handle: ({ directory, ...request }) =>
    request.kind === "encoder"
      ? compileModel(directory, { ...request, runtime })
      : compileClassifier(directory, request),
}));
