import type { JsonFile } from "../json.js";
import type { EncoderPlan } from "./architecture.js";
import { fullLayers, planLlamaLike } from "./llama.js";

/** EuroBERT: Llama's layers, whose tokens attend to all others. */
export function planEuroBert(file: JsonFile): EncoderPlan {
  const [attention, feedForward] = [file.values.attention_bias === true, file.values.mlp_bias === true];
  return planLlamaLike(file, {
    layers: fullLayers(file),
    window: Number.POSITIVE_INFINITY,
    isCausal: false,
    hasHeadNorms: false,
    epsilon: file.positive("rms_norm_eps", 1e-5),
    biases: { projections: attention, output: attention, feedForward },
  });
}
