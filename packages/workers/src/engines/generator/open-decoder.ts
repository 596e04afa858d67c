import { Runtime } from "@millrace/native";
import { type GraphPlace, withVerifiedGraph } from "../verified-graph.js";
import type { Decoder } from "./decoder.js";
import type { DecoderFacts, DecoderThreads } from "./decoder-facts.js";
import { nativeDecoder } from "./native-decoder.js";
import { npmDecoder } from "./npm-decoder.js";

export interface DecoderOptions extends GraphPlace, DecoderFacts, DecoderThreads {
  /** By default our own binding, where it is built. */
  readonly binding?: DecoderBinding;
}

/** Ways to ONNX Runtime. Answers are the same on each. */
export const decoderBindings = ["native", "npm"] as const;
export type DecoderBinding = (typeof decoderBindings)[number];

/** Our own binding where it is built, else npm's. */
export const bestDecoderBinding: DecoderBinding = Runtime.isPresent() ? "native" : "npm";

/** Loads a decoder from verified bytes. @throws E_MODEL_DIGEST */
export async function openDecoder(options: DecoderOptions): Promise<Decoder> {
  const { threads, lanes, binding = bestDecoderBinding } = options;
  return withVerifiedGraph(options, (graph, weights) =>
    withEncoder(options, (encoder) =>
      binding === "native"
        ? nativeDecoder(graph, options, { threads, lanes, weights, encoder })
        : npmDecoder(graph, options, { threads: threads * lanes, weights, encoder }),
    ),
  );
}

async function withEncoder(
  { encoder }: DecoderFacts,
  use: (graph: Uint8Array | undefined) => Promise<Decoder>,
): Promise<Decoder> {
  return encoder === undefined ? use(undefined) : withVerifiedGraph({ ...encoder, weights: [] }, use);
}
