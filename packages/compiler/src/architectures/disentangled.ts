import { bytesOf, type GraphBuilder } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";
import type { LazyTensor } from "../weights/checkpoint.js";
import { addDistances } from "./distances.js";
import { type Affine, addWeight } from "./layers.js";

/** How DeBERTa tells distances apart. */
export interface DistanceSpan {
  readonly maxTokens: number;
  /** Distances to one side that are told apart: half the rows of a table of them. */
  readonly span: number;
  /** From here on all are the last one; undefined where each below the span has a row of its own. */
  readonly farthest: number | undefined;
}

export interface DistanceIndexSpec extends DistanceSpan {
  readonly ids: string;
  readonly heads: number;
}

/**
 * The row of a table of distances for each query and key: int64 [batch, heads, sequence, sequence]. It is spread over batch and
 * heads by adding zeros, because GPUs want no arithmetic on shapes.
 */
export function addDistanceIndex(graph: GraphBuilder, states: string, spec: DistanceIndexSpec): string {
  const { ids, heads, maxTokens } = spec;
  const rows = BigInt64Array.from({ length: 2 * maxTokens - 1 }, (_, at) => BigInt(rowOf(maxTokens - 1 - at, spec)));
  const table = integers(graph, "disentangled.rows", [rows.length], rows);
  const farthest = graph.integer("disentangled.farthest", maxTokens - 1);
  const places = graph.node("disentangled.places", "Add", { inputs: [addDistances(graph, states), farthest] });
  const index = graph.node("disentangled.pairs", "Gather", { inputs: [table, places] });
  const difference = graph.node("disentangled.zeros", "Sub", { inputs: [ids, ids] });
  const attributes = { to: { int: elementTypes.int64 } };
  const wide = graph.node("disentangled.zeros.wide", "Cast", { inputs: [difference], attributes });
  const axes = graph.integers("disentangled.axes", [1, 3]);
  const batch = graph.node("disentangled.batch", "Unsqueeze", { inputs: [wide, axes] });
  const zeros = integers(graph, "disentangled.heads", [1, heads, 1, 1], new BigInt64Array(heads));
  const each = graph.node("disentangled.each", "Add", { inputs: [index, batch] });
  return graph.node("disentangled.index", "Add", { inputs: [each, zeros] });
}

function integers(graph: GraphBuilder, name: string, shape: readonly number[], values: BigInt64Array): string {
  return graph.constant({ name, type: "int64", shape, load: async () => bytesOf(values) });
}

/** The row for a query that stands so far after a key. In float32, as PyTorch has it. */
function rowOf(distance: number, { span, farthest }: DistanceSpan): number {
  const bucket = farthest === undefined ? distance : bucketOf(distance, span, farthest);
  return Math.max(0, Math.min(2 * span - 1, bucket + span));
}

/** Half of the buckets hold one distance each, the others a range that grows. */
function bucketOf(distance: number, span: number, farthest: number): number {
  const [away, middle] = [Math.abs(distance), Math.floor(span / 2)];
  if (away <= middle) return distance;
  const whole = Math.fround(Math.log(Math.fround((farthest - 1) / middle)));
  const share = Math.fround(Math.fround(Math.log(Math.fround(away / middle))) / whole);
  return Math.sign(distance) * (Math.ceil(Math.fround(share * (middle - 1))) + middle);
}

export interface DistanceScoresSpec {
  /** Queries or keys: [batch, sequence, heads × width]. */
  readonly states: string;
  /** [heads, width, rows]. */
  readonly table: LazyTensor;
  /** For each of the states and each other token, a row: int64 [batch, heads, sequence, sequence]. */
  readonly index: string;
}

/** Products of each state with what stands for the distance of each other token: [batch, heads, sequence, sequence]. */
export function addDistanceScores(
  graph: GraphBuilder,
  name: string,
  { states, table, index }: DistanceScoresSpec,
): string {
  const [heads = 1, width = 1] = table.shape;
  const shape = graph.integers(`shape.0x0x${heads}x${width}`, [0, 0, heads, width]);
  const apart = graph.node(`${name}.apart`, "Reshape", { inputs: [states, shape] });
  const attributes = { perm: { ints: [0, 2, 1, 3] } };
  const turned = graph.node(`${name}.turned`, "Transpose", { inputs: [apart], attributes });
  const inputs = [turned, addWeight(graph, `${name}.table`, table)];
  const all = graph.node(`${name}.all`, "MatMul", { inputs });
  return graph.node(name, "GatherElements", { inputs: [all, index], attributes: { axis: { int: 3 } } });
}

/** The last two axes exchanged. */
export function addExchanged(graph: GraphBuilder, name: string, input: string): string {
  return graph.node(name, "Transpose", { inputs: [input], attributes: { perm: { ints: [0, 1, 3, 2] } } });
}

export interface DistanceTableSpec {
  /** [rows, hidden]. */
  readonly embeddings: LazyTensor;
  readonly norm?: Affine & { readonly epsilon: number };
  readonly projection: Affine;
  readonly heads: number;
  readonly scale: number;
}

/** What stands for each distance, projected like a query or a key, once for all texts: [heads, width, rows]. */
export function distanceTable({ embeddings, norm, projection, heads, scale }: DistanceTableSpec): LazyTensor {
  const [rows = 0, hidden = 0] = embeddings.shape;
  const load = async () => {
    const inputs = norm === undefined ? await embeddings.load() : await normed(embeddings, norm);
    const [weight, bias] = [await projection.weight.load(), await projection.bias.load()];
    const table = new Float32Array(hidden * rows);
    for (let output = 0; output < hidden; output += 1) {
      const column = weight.subarray(output * hidden, (output + 1) * hidden);
      for (let row = 0; row < rows; row += 1) {
        let sum = bias[output] as number;
        for (let at = 0; at < hidden; at += 1) sum += (inputs[row * hidden + at] as number) * (column[at] as number);
        table[output * rows + row] = scale * sum;
      }
    }
    return table;
  };
  return { shape: [heads, hidden / heads, rows], load };
}

/** A layer norm over each row. */
async function normed(
  { shape: [, width = 1], load }: LazyTensor,
  { weight, bias, epsilon }: Affine & { readonly epsilon: number },
): Promise<Float32Array> {
  const [values, scales, offsets] = [Float32Array.from(await load()), await weight.load(), await bias.load()];
  for (let start = 0; start < values.length; start += width) {
    const row = values.subarray(start, start + width);
    const mean = row.reduce((sum, value) => sum + value, 0) / width;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    const length = Math.sqrt(variance + epsilon);
    for (let at = 0; at < width; at += 1)
      row[at] = (((row[at] as number) - mean) / length) * (scales[at] as number) + (offsets[at] as number);
  }
  return values;
}
