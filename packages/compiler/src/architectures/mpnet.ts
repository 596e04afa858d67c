import type { JsonFile } from "../json.js";
import { rowsFrom } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { addDistanceBias } from "./distance-bias.js";
import { readActivation, readHeads } from "./layers.js";
import { addEmbeddings, addPostNormLayers, affine, type PostNormNames } from "./post-norm.js";

/** Row of the position table that the first token has; the model takes 1 as padding whatever its configuration says. */
const firstPosition = 2;

const buckets = { count: 32, farthest: 128 };

/** MPNet: BERT's layers, and a learned bias on the scores by the distance of query and key, one for all layers. */
export function planMpnet(file: JsonFile): EncoderPlan {
  const config = {
    ...readHeads(file, "hidden_size", "num_attention_heads"),
    layers: file.count("num_hidden_layers"),
    intermediate: file.count("intermediate_size"),
    activation: readActivation(file, "hidden_act", "gelu"),
    epsilon: file.positive("layer_norm_eps", 1e-12),
  };
  const { hidden, heads, epsilon } = config;
  const positions = file.count("max_position_embeddings");
  const vocabulary = file.count("vocab_size");
  if (
    file.values.relative_attention_num_buckets !== undefined &&
    file.values.relative_attention_num_buckets !== buckets.count
  )
    throw file.unsupported("relative_attention_num_buckets", [String(buckets.count)]);
  if (positions <= firstPosition)
    throw file.invalid("max_position_embeddings", `the first position is ${firstPosition}`);
  const maxTokens = positions - firstPosition;
  return {
    dimensions: hidden,
    maxTokens,
    vocabularySize: vocabulary,
    prefixes: ["mpnet."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build(graph, weights, ids) {
      const states = addEmbeddings(graph, {
        ids,
        words: weights.tensor("embeddings.word_embeddings.weight", [vocabulary, hidden]),
        positions: rowsFrom(
          weights.tensor("embeddings.position_embeddings.weight", [positions, hidden]),
          firstPosition,
        ),
        norm: affine(weights, "embeddings.LayerNorm", [hidden]),
        epsilon,
      });
      const bias = weights.tensor("encoder.relative_attention_bias.weight", [buckets.count, heads]);
      const scoreBias = addDistanceBias(graph, states, { bias, heads, maxTokens, buckets });
      return addPostNormLayers({ graph, weights, config, scoreBias }, states, layerNames);
    },
  };
}

function layerNames(layer: number): PostNormNames {
  const name = `encoder.layer.${layer}`;
  return {
    query: `${name}.attention.attn.q`,
    key: `${name}.attention.attn.k`,
    value: `${name}.attention.attn.v`,
    mixed: `${name}.attention.attn.o`,
    attentionNorm: `${name}.attention.LayerNorm`,
    inner: `${name}.intermediate.dense`,
    outer: `${name}.output.dense`,
    outputNorm: `${name}.output.LayerNorm`,
  };
}
