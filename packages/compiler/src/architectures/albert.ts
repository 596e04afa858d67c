import type { JsonFile } from "../json.js";
import type { EncoderPlan } from "./architecture.js";
import { planFactorised } from "./factorised.js";
import type { PostNormNames } from "./post-norm.js";

/**
 * ALBERT: BERT with narrow embeddings, all of whose layers, or those of a group, have the same weights. In the graph each
 * layer has a copy of its own: kernels pack weights for each product anyway, and int8 has a scale for each.
 */
export function planAlbert(file: JsonFile): EncoderPlan {
  if (file.positive("inner_group_num", 1) !== 1) throw file.unsupported("inner_group_num", ["1"]);
  const [layers, groups] = [file.count("num_hidden_layers"), file.positive("num_hidden_groups", 1)];
  return planFactorised(file, {
    prefix: "albert.",
    activation: "gelu_new",
    widening: "encoder.embedding_hidden_mapping_in",
    namesOf: (layer) => groupNames(Math.floor(layer / (layers / groups))),
  });
}

function groupNames(group: number): PostNormNames {
  const name = `encoder.albert_layer_groups.${group}.albert_layers.0`;
  return {
    query: `${name}.attention.query`,
    key: `${name}.attention.key`,
    value: `${name}.attention.value`,
    mixed: `${name}.attention.dense`,
    attentionNorm: `${name}.attention.LayerNorm`,
    inner: `${name}.ffn`,
    outer: `${name}.ffn_output`,
    outputNorm: `${name}.full_layer_layer_norm`,
  };
}
