import type { JsonFile } from "../json.js";
import { planBart, planMarian } from "./bart.js";
import type { DecoderArchitecture, DecoderPlan } from "./decoder.js";
import { planGpt2 } from "./gpt2.js";
import { planLlama, planMistral, planQwen2, planQwen3Decoder } from "./llama.js";
import { planT5 } from "./t5.js";

/** By the `model_type` of config.json. */
const architectures: Readonly<Record<string, DecoderArchitecture>> = {
  bart: planBart,
  gpt2: planGpt2,
  llama: planLlama,
  marian: planMarian,
  mistral: planMistral,
  mt5: planT5,
  qwen2: planQwen2,
  qwen3: planQwen3Decoder,
  t5: planT5,
};

/** Plans the decoder a config.json describes. @throws E_MODEL_UNSUPPORTED, listing what is supported */
export function planDecoder(config: JsonFile): DecoderPlan {
  const name = config.values.model_type;
  const architecture = typeof name === "string" && Object.hasOwn(architectures, name) ? architectures[name] : undefined;
  if (architecture === undefined) throw config.unsupported("model_type", Object.keys(architectures));
  return architecture(config);
}
