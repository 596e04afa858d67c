import type { JsonFile } from "../json.js";
import type { EncoderPlan } from "./architecture.js";
import { type LayerKind, readLayerKinds } from "./layers.js";
import { planLlamaLike } from "./llama.js";

/** Qwen3 as an encoder (Qwen3-Embedding): the decoder's states, whose last one stands for the text. */
export function planQwen3(file: JsonFile): EncoderPlan {
  const attention = file.values.attention_bias === true;
  return planLlamaLike(file, {
    ...readQwenLayers(file),
    hasHeadNorms: true,
    biases: { projections: attention, output: attention, feedForward: false },
  });
}

/** Qwen2 (gte-Qwen2): without norms of the heads, with biases before the attention. */
export function planQwen2(file: JsonFile): EncoderPlan {
  return planLlamaLike(file, {
    ...readQwenLayers(file),
    hasHeadNorms: false,
    biases: { projections: true, output: false, feedForward: false },
  });
}

interface QwenLayers {
  readonly layers: readonly LayerKind[];
  readonly window: number;
  readonly isCausal: boolean;
}

/** Some layers slide where that is switched on; `is_causal` false lets tokens attend to those after them, too. */
function readQwenLayers(file: JsonFile): QwenLayers {
  const isSliding = file.values.use_sliding_window === true;
  const firstSliding = isSliding ? file.positive("max_window_layers", 28) : Number.POSITIVE_INFINITY;
  const layers = readLayerKinds(file, (layer) => layer >= firstSliding);
  const slides = layers.includes("sliding_attention");
  return {
    layers,
    window: slides ? file.count("sliding_window") : Number.POSITIVE_INFINITY,
    isCausal: file.values.is_causal !== false,
  };
}
