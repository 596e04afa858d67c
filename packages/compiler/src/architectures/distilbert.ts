import type { JsonFile } from "../json.js";
import type { EncoderPlan } from "./architecture.js";
import { readActivation, readHeads } from "./layers.js";
import { addEmbeddings, addPostNormLayers, affine, type PostNormNames } from "./post-norm.js";

/** Epsilon of every layer norm; no configuration says another. */
const epsilon = 1e-12;

/** DistilBERT: BERT's layers under other names, without segments. Sinusoidal positions lie in the checkpoint, too. */
export function planDistilbert(file: JsonFile): EncoderPlan {
  const config = {
    ...readHeads(file, "dim", "n_heads"),
    layers: file.count("n_layers"),
    intermediate: file.count("hidden_dim"),
    activation: readActivation(file, "activation", "gelu"),
    epsilon,
  };
  const { hidden } = config;
  const positions = file.count("max_position_embeddings");
  const vocabulary = file.count("vocab_size");
  return {
    dimensions: hidden,
    maxTokens: positions,
    vocabularySize: vocabulary,
    prefixes: ["distilbert."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build(graph, weights, ids) {
      const states = addEmbeddings(graph, {
        ids,
        words: weights.tensor("embeddings.word_embeddings.weight", [vocabulary, hidden]),
        positions: weights.tensor("embeddings.position_embeddings.weight", [positions, hidden]),
        norm: affine(weights, "embeddings.LayerNorm", [hidden]),
        epsilon,
      });
      return addPostNormLayers({ graph, weights, config }, states, layerNames);
    },
  };
}

function layerNames(layer: number): PostNormNames {
  const name = `transformer.layer.${layer}`;
  return {
    query: `${name}.attention.q_lin`,
    key: `${name}.attention.k_lin`,
    value: `${name}.attention.v_lin`,
    mixed: `${name}.attention.out_lin`,
    attentionNorm: `${name}.sa_layer_norm`,
    inner: `${name}.ffn.lin1`,
    outer: `${name}.ffn.lin2`,
    outputNorm: `${name}.output_layer_norm`,
  };
}
