import { Runtime } from "@millrace/native";
import { type GraphPlace, withVerifiedGraph } from "../verified-graph.js";
import type { Decoder } from "./decoder.js";
import type { DecoderFacts, DecoderThreads } from "./decoder-facts.js";
import { nativeDecoder } from "./native-decoder.js";
import { npmDecoder } from "./npm-decoder.js";

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
