import type { JsonFile } from "../json.js";
import type { Architecture, EncoderPlan } from "./architecture.js";
import { planBert } from "./bert.js";
import { planDistilbert } from "./distilbert.js";
import { planDpr } from "./dpr.js";
import { planModernBert } from "./modernbert.js";
import { planMpnet } from "./mpnet.js";
import { planNomicBert } from "./nomic-bert.js";
import { planQwen3 } from "./qwen3.js";
import { planRoberta } from "./roberta.js";

/** By the `model_type` of config.json. */
const architectures: Readonly<Record<string, Architecture>> = {
  bert: planBert,
  camembert: planRoberta,
  distilbert: planDistilbert,
  dpr: planDpr,
  modernbert: planModernBert,
  mpnet: planMpnet,
  nomic_bert: planNomicBert,
  qwen3: planQwen3,
  roberta: planRoberta,
  "xlm-roberta": planRoberta,
};

/** Plans the encoder a config.json describes. @throws E_MODEL_UNSUPPORTED, listing what is supported */
export function planEncoder(config: JsonFile): EncoderPlan {
  const modelType = config.values.model_type;
  const isKnown = typeof modelType === "string" && Object.hasOwn(architectures, modelType);
  const architecture = isKnown ? architectures[modelType] : undefined;
  if (architecture === undefined) throw config.unsupported("model_type", Object.keys(architectures));
  return architecture(config);
}
