import type { JsonFile } from "../json.js";
import type { EncoderPlan } from "./architecture.js";
import { planBertLike } from "./bert.js";

/**
 * RoBERTa, and XLM-R and CamemBERT, which are the same: BERT whose positions begin after the padding token's id. A padding
 * token inside a text, which transformers gives no position of its own, counts as any other.
 */
export function planRoberta(file: JsonFile): EncoderPlan {
  const padding = file.values.pad_token_id ?? 1;
  if (typeof padding !== "number" || !Number.isSafeInteger(padding) || padding < 0)
    throw file.invalid("pad_token_id", "it must be a whole number of at least 0");
  return planBertLike(file, { prefixes: ["roberta."], firstPosition: padding + 1 });
}
