import type { JsonFile } from "../json.js";
import type { EncoderPlan } from "./architecture.js";
import { fullLayers, planLlamaLike } from "./llama.js";

/** Mistral as an encoder (e5-mistral): Llama without any bias, each layer with a window where there is one. */
export function planMistral(file: JsonFile): EncoderPlan {
  const { sliding_window: window = 4096 } = file.values;
  const layers = fullLayers(file);
  return planLlamaLike(file, {
    layers: window === null ? layers : layers.map(() => "sliding_attention"),
    window: window === null ? Number.POSITIVE_INFINITY : file.positive("sliding_window", 4096),
    isCausal: file.values.is_causal !== false,
    hasHeadNorms: false,
    biases: { projections: false, output: false, feedForward: false },
  });
}
