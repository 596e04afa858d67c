import type { JsonFile } from "../json.js";
import type { Architecture, EncoderPlan } from "./architecture.js";
import { planBert } from "./bert.js";

/** By the `model_type` of config.json. */
const architectures: Readonly<Record<string, Architecture>> = { bert: planBert };

/** Plans the encoder a config.json describes. @throws E_MODEL_UNSUPPORTED, listing what is supported */
export function planEncoder(config: JsonFile): EncoderPlan {
  const modelType = config.values.model_type;
  const isKnown = typeof modelType === "string" && Object.hasOwn(architectures, modelType);
  const architecture = isKnown ? architectures[modelType] : undefined;
  if (architecture === undefined) throw config.unsupported("model_type", Object.keys(architectures));
  return architecture(config);
}
