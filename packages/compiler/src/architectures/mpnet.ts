import { bytesOf, type GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { LazyTensor } from "../weights/checkpoint.js";
import { rowsFrom } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { addDistances } from "./distances.js";
import { readActivation, readHeads } from "./layers.js";
import { addEmbeddings, addPostNormLayers, affine, type PostNormNames } from "./post-norm.js";

/** Row of the position table that the first token has; the model takes 1 as padding whatever its configuration says. */
const firstPosition = 2;

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
    file.values.relative_attention_num_buckets !== buckets
  )
    throw file.unsupported("relative_attention_num_buckets", [String(buckets)]);
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
      const bias = weights.tensor("encoder.relative_attention_bias.weight", [buckets, heads]);
      const scoreBias = addDistanceBias(graph, states, { bias, heads, maxTokens });
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

interface DistanceBias {
  /** [buckets, heads]. */
  readonly bias: LazyTensor;
  readonly heads: number;
  readonly maxTokens: number;
}

/** The bias of each pair of tokens: [1, heads, sequence, sequence]. */
function addDistanceBias(graph: GraphBuilder, states: string, { bias, heads, maxTokens }: DistanceBias): string {
  const columns = 2 * maxTokens - 1;
  const load = async () => {
    const values = await bias.load();
    const byDistance = Float32Array.from({ length: heads * columns }, (_, at) => {
      const bucket = bucketOf((at % columns) - (maxTokens - 1));
      return values[bucket * heads + Math.floor(at / columns)] as number;
    });
    return bytesOf(byDistance);
  };
  const table = graph.constant({ name: "distance-bias.table", type: "float32", shape: [1, heads, columns], load });
  const farthest = graph.integer("distance-bias.farthest", maxTokens - 1);
  const index = graph.node("distance-bias.index", "Add", { inputs: [addDistances(graph, states), farthest] });
  return graph.node("distance-bias", "Gather", { inputs: [table, index], attributes: { axis: { int: 2 } } });
}

const buckets = 32;
const farthestDistance = 128;

/** T5's buckets: half for keys after the query; of each half, half exact and half logarithmic. In float32, as PyTorch has it. */
function bucketOf(distance: number): number {
  const half = buckets / 2;
  const exact = half / 2;
  const away = Math.abs(distance);
  const side = distance > 0 ? half : 0;
  if (away < exact) return side + away;
  const share = Math.fround(Math.fround(Math.log(away / exact)) / Math.fround(Math.log(farthestDistance / exact)));
  return side + Math.min(half - 1, exact + Math.floor(Math.fround(share * (half - exact))));
}
