import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { plusFirstRow } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { addLinear, readActivation, readHeads } from "./layers.js";
import { addEmbeddings, addPostNormLayers, affine, type PostNormConfig, type PostNormNames } from "./post-norm.js";

/** What tells encoders apart that have BERT's layers, and embeddings that are narrower than their states. */
export interface FactorisedFamily {
  readonly prefix: string;
  readonly activation: string;
  /** The linear layer that widens embeddings; undefined where they are as wide. */
  readonly widening: string | undefined;
  readonly namesOf: (layer: number) => PostNormNames;
}

interface FactorisedConfig extends PostNormConfig {
  /** Floats of an embedding. */
  readonly width: number;
  readonly positions: number;
  readonly segments: number;
  readonly vocabulary: number;
}

/** Plans an encoder of BERT's layers whose embeddings have a width of their own. */
export function planFactorised(file: JsonFile, family: FactorisedFamily): EncoderPlan {
  for (const field of ["is_decoder", "add_cross_attention"])
    if (file.values[field]) throw file.unsupported(field, ["false"]);
  if (file.text("position_embedding_type", "absolute") !== "absolute")
    throw file.unsupported("position_embedding_type", ["absolute"]);
  const config: FactorisedConfig = {
    ...readHeads(file, "hidden_size", "num_attention_heads"),
    layers: file.count("num_hidden_layers"),
    intermediate: file.count("intermediate_size"),
    activation: readActivation(file, "hidden_act", family.activation),
    epsilon: file.positive("layer_norm_eps", 1e-12),
    width: file.count("embedding_size"),
    positions: file.count("max_position_embeddings"),
    segments: file.count("type_vocab_size"),
    vocabulary: file.count("vocab_size"),
  };
  return {
    dimensions: config.hidden,
    maxTokens: config.positions,
    vocabularySize: config.vocabulary,
    prefixes: [family.prefix],
    hasSpecialTokens: true,
    barePooling: "mean",
    build: (graph, weights, ids) => {
      const states = addFactorisedEmbeddings({ graph, weights, config }, ids, family.widening);
      return addPostNormLayers({ graph, weights, config }, states, family.namesOf);
    },
  };
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: FactorisedConfig;
}

/** A text has one segment, so its row is folded into the position table. */
function addFactorisedEmbeddings({ graph, weights, config }: Build, ids: string, widening: string | undefined): string {
  const { hidden, width, vocabulary, positions, segments, epsilon } = config;
  const table = (name: string, rows: number) => weights.tensor(`embeddings.${name}_embeddings.weight`, [rows, width]);
  const embeddings = addEmbeddings(graph, {
    ids,
    words: table("word", vocabulary),
    positions: plusFirstRow(table("position", positions), table("token_type", segments)),
    norm: affine(weights, "embeddings.LayerNorm", [width]),
    epsilon,
  });
  if (widening === undefined) return embeddings;
  return addLinear(graph, "widened", { input: embeddings, ...affine(weights, widening, [hidden, width]) });
}
