import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { plusFirstRow, rowsFrom } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { planJinaBert } from "./jina-bert.js";
import { readActivation, readHeads } from "./layers.js";
import { addEmbeddings, addPostNormLayers, affine, type PostNormConfig, type PostNormNames } from "./post-norm.js";

interface BertConfig extends PostNormConfig {
  /** Rows of the position table, and the first that a token has. */
  readonly positions: number;
  readonly firstPosition: number;
  readonly segments: number;
  readonly vocabulary: number;
}

/** BERT as Devlin et al. have it: learned absolute positions, layer norm after each residual. */
export function planBert(file: JsonFile): EncoderPlan {
  if (file.values.position_embedding_type === "alibi") return planJinaBert(file);
  return planBertLike(file, { prefixes: ["bert."], firstPosition: 0 });
}

/** What tells the families apart whose layers are BERT's. */
export interface BertFamily {
  readonly prefixes: readonly string[];
  /** Row of the position table that a text's first token has. */
  readonly firstPosition: number;
}

/** Plans an encoder of BERT's layers and names. */
export function planBertLike(file: JsonFile, { prefixes, firstPosition }: BertFamily): EncoderPlan {
  const config = readConfig(file, firstPosition);
  return {
    dimensions: config.hidden,
    maxTokens: config.positions - firstPosition,
    vocabularySize: config.vocabulary,
    prefixes,
    hasSpecialTokens: true,
    barePooling: "mean",
    hasSegments: config.segments > 1,
    build: (graph, weights, ids, segments) => buildBert({ graph, weights, config }, ids, segments),
  };
}

function readConfig(file: JsonFile, firstPosition: number): BertConfig {
  if (file.text("position_embedding_type", "absolute") !== "absolute")
    throw file.unsupported("position_embedding_type", ["absolute", "alibi"]);
  for (const field of ["is_decoder", "add_cross_attention"])
    if (file.values[field]) throw file.unsupported(field, ["false"]);
  const positions = file.count("max_position_embeddings");
  if (positions <= firstPosition)
    throw file.invalid("max_position_embeddings", `the first position is ${firstPosition}`);
  return {
    ...readHeads(file, "hidden_size", "num_attention_heads"),
    activation: readActivation(file, "hidden_act", "gelu"),
    layers: file.count("num_hidden_layers"),
    intermediate: file.count("intermediate_size"),
    epsilon: file.positive("layer_norm_eps", 1e-12),
    positions,
    firstPosition,
    segments: file.count("type_vocab_size"),
    vocabulary: file.count("vocab_size"),
  };
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: BertConfig;
}

/** Where all tokens are of the first segment, its row is folded into the position table. */
function buildBert({ graph, weights, config }: Build, ids: string, segmentIds: string | undefined): string {
  const { hidden, vocabulary, positions, firstPosition, segments, epsilon } = config;
  const table = (name: string, rows: number) => weights.tensor(`embeddings.${name}_embeddings.weight`, [rows, hidden]);
  const [places, types] = [table("position", positions), table("token_type", segments)];
  const states = addEmbeddings(graph, {
    ids,
    words: table("word", vocabulary),
    positions: rowsFrom(segmentIds === undefined ? plusFirstRow(places, types) : places, firstPosition),
    ...(segmentIds !== undefined && { segments: { ids: segmentIds, table: types } }),
    norm: affine(weights, "embeddings.LayerNorm", [hidden]),
    epsilon,
  });
  return addPostNormLayers({ graph, weights, config }, states, bertLayerNames);
}

/** Names of a layer's tensors. */
export function bertLayerNames(layer: number): PostNormNames {
  const name = `encoder.layer.${layer}`;
  return {
    query: `${name}.attention.self.query`,
    key: `${name}.attention.self.key`,
    value: `${name}.attention.self.value`,
    mixed: `${name}.attention.output.dense`,
    attentionNorm: `${name}.attention.output.LayerNorm`,
    inner: `${name}.intermediate.dense`,
    outer: `${name}.output.dense`,
    outputNorm: `${name}.output.LayerNorm`,
  };
}
