import type { JsonFile } from "../json.js";
import type { EncoderPlan } from "./architecture.js";
import { bertLayerNames } from "./bert.js";
import { planFactorised } from "./factorised.js";

/** ELECTRA's discriminator: BERT, whose embeddings are narrower than its states in the small and base models. */
export function planElectra(file: JsonFile): EncoderPlan {
  const isNarrow = file.count("embedding_size") !== file.count("hidden_size");
  return planFactorised(file, {
    prefix: "electra.",
    activation: "gelu",
    widening: isNarrow ? "embeddings_project" : undefined,
    namesOf: bertLayerNames,
  });
}
