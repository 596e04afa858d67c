import { Runtime } from "@millrace/native";
import { type GraphPlace, withVerifiedGraph } from "../verified-graph.js";
import type { CacheShape } from "./cache-names.js";
import type { Decoder } from "./decoder.js";
import { nativeDecoder } from "./native-decoder.js";
import { npmDecoder } from "./npm-decoder.js";

/** What a compiled decoder says of its graph. */
export interface DecoderFacts extends CacheShape {
  readonly vocabularySize: number;
}

/** How the processor is used. */
export interface DecoderThreads {
  /** Threads that share one run. */
  readonly threads: number;
  /** Runs at the same time on one copy of the weights, where the binding can do that. */
  readonly lanes: number;
}

export interface DecoderOptions extends GraphPlace, DecoderFacts, DecoderThreads {
  /** By default our own binding, where it is built and takes the graph. */
  readonly binding?: DecoderBinding;
}

/** Ways to ONNX Runtime. Answers are the same on each. */
export const decoderBindings = ["native", "npm"] as const;
export type DecoderBinding = (typeof decoderBindings)[number];

/** The best binding for a graph: our own cannot take weights from files of their own. */
export function decoderBindingFor({ weights }: Pick<GraphPlace, "weights">): DecoderBinding {
  return Runtime.isPresent() && weights.length === 0 ? "native" : "npm";
}

/** Loads a decoder from verified bytes. @throws E_MODEL_DIGEST */
export async function openDecoder(options: DecoderOptions): Promise<Decoder> {
  const { threads, lanes, binding = decoderBindingFor(options) } = options;
  return withVerifiedGraph(options, (graph, weights) =>
    binding === "native"
      ? nativeDecoder(graph, options, { threads, lanes })
      : npmDecoder(graph, options, { threads: threads * lanes, weights }),
  );
}
