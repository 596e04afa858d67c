import type { JsonFile } from "../json.js";
import type { EncoderPlan } from "./architecture.js";
import { planBertLike } from "./bert.js";

/** DPR's question and context encoders: BERT whose first state, as it is, stands for the text. */
export function planDpr(file: JsonFile): EncoderPlan {
  if (file.values.projection_dim) throw file.unsupported("projection_dim", ["0"]);
  const prefixes = ["question_encoder.bert_model.", "ctx_encoder.bert_model."];
  return { ...planBertLike(file, { prefixes, firstPosition: 0 }), barePooling: "cls" };
}
