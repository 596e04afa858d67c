import type { JsonFile } from "../json.js";
import { planAlbert } from "./albert.js";
import type { Architecture, EncoderPlan } from "./architecture.js";
import { planBert } from "./bert.js";
import { planDeberta } from "./deberta.js";
import { planDistilbert } from "./distilbert.js";
import { planDpr } from "./dpr.js";
import { planElectra } from "./electra.js";
import { planEuroBert } from "./eurobert.js";
import { planGemma3 } from "./gemma3.js";
import { planGte } from "./gte.js";
import { planLlama } from "./llama.js";
import { planMistral } from "./mistral.js";
import { planModernBert } from "./modernbert.js";
import { planMpnet } from "./mpnet.js";
import { planNomicBert } from "./nomic-bert.js";
import { planQwen2, planQwen3 } from "./qwen3.js";
import { planRoberta } from "./roberta.js";
import { planT5 } from "./t5.js";

/** By the `model_type` of config.json. */
const architectures: Readonly<Record<string, Architecture>> = {
  albert: planAlbert,
  bert: planBert,
  camembert: planRoberta,
  "deberta-v2": planDeberta,
  distilbert: planDistilbert,
  dpr: planDpr,
  electra: planElectra,
  eurobert: planEuroBert,
  gemma3_text: planGemma3,
  gte: planGte,
  llama: planLlama,
  mistral: planMistral,
  modernbert: planModernBert,
  mpnet: planMpnet,
  mt5: planT5,
  new: planGte,
  nomic_bert: planNomicBert,
  qwen2: planQwen2,
  qwen3: planQwen3,
  roberta: planRoberta,
  t5: planT5,
  "xlm-roberta": planRoberta,
};

/** True where config.json is of an architecture that can be planned. */
export function isKnownArchitecture({ values: { model_type: name } }: JsonFile): boolean {
  return typeof name === "string" && Object.hasOwn(architectures, name);
}

/** Plans the encoder a config.json describes. @throws E_MODEL_UNSUPPORTED, listing what is supported */
export function planEncoder(config: JsonFile): EncoderPlan {
  const architecture = isKnownArchitecture(config) ? architectures[config.text("model_type")] : undefined;
  if (architecture === undefined) throw config.unsupported("model_type", Object.keys(architectures));
  return architecture(config);
}
