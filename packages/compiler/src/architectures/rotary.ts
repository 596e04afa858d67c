import { bytesOf, type GraphBuilder, microsoft } from "../graph/builder.js";
import { addSize } from "../graph/versions.js";
import { isRecord, JsonFile } from "../json.js";
import type { LazyTensor } from "../weights/checkpoint.js";
import { plainFrequencies, type RopeType, readRopeType } from "./rope-types.js";

/** Rotary position embedding: pairs of a head's floats are turned by an angle that grows with the token's position. */
export type Rotary = RopeType;

/** Turned by theta alone, every angle divided by the factor. */
export function plainRotary(theta: number, factor = 1): Rotary {
  return { frequencies: plainFrequencies(theta, factor), scale: 1 };
}

/**
 * Reads rotary settings as transformers writes them: `rope_parameters`, for some models one object for each kind of layer,
 * or before version 5 `rope_theta` (or a field of another name) and `rope_scaling`. @throws E_MODEL_UNSUPPORTED
 */
export function readRotary(
  file: JsonFile,
  { kind, thetaField = "rope_theta", theta, isScaled = true }: RotaryPlace,
): Rotary {
  const { rope_parameters: parameters, rope_scaling, partial_rotary_factor } = file.values;
  const scaling = isScaled ? rope_scaling : undefined;
  const own = isRecord(parameters) && kind !== undefined && kind in parameters ? parameters[kind] : parameters;
  const values: Readonly<Record<string, unknown>> = {
    partial_rotary_factor,
    ...(isRecord(scaling) && scaling),
    ...(isRecord(own) && own),
  };
  const settings = new JsonFile(file.path, { rope_type: values.type, ...values });
  if ((settings.values.partial_rotary_factor ?? 1) !== 1) throw settings.unsupported("partial_rotary_factor", ["1"]);
  const positions = file.count("max_position_embeddings");
  const trained = settings.positive("original_max_position_embeddings", positions);
  return readRopeType({
    settings,
    theta: settings.positive("rope_theta", file.positive(thetaField, theta)),
    positions,
    original: file.positive("original_max_position_embeddings", trained),
  });
}

/** Where a configuration says how positions are turned. */
export interface RotaryPlace {
  /** The kind of layer, where each has its own. */
  readonly kind?: string;
  /** The field that older configurations have for theta. */
  readonly thetaField?: string;
  /** Theta where nothing is said. */
  readonly theta: number;
  /** Whether `rope_scaling` is meant for it. */
  readonly isScaled?: boolean;
}

/** Heads of queries, and of keys and values, which divide them. @throws E_MODEL_INVALID */
export function readKeyHeads(file: JsonFile): { readonly heads: number; readonly keyHeads: number } {
  const heads = file.count("num_attention_heads");
  const keyHeads = (file.values.num_key_value_heads ?? null) === null ? heads : file.count("num_key_value_heads");
  if (heads % keyHeads === 0) return { heads, keyHeads };
  throw file.invalid("num_key_value_heads", `it must divide num_attention_heads ${heads}`);
}

export interface RotarySpec extends Rotary {
  /** What the tables are called in the graph. */
  readonly table: string;
  readonly heads: number;
  /** Floats of one head. */
  readonly width: number;
  /** Rows of the tables. */
  readonly positions: number;
}

/** Turns each head's floats by their token's position: [batch, sequence, heads × width] → the same. */
export function addRotary(graph: GraphBuilder, name: string, input: string, spec: RotarySpec): string {
  const inputs = [input, addFirstRow(graph, name, input, spec), ...addRotaryTables(graph, spec)];
  const attributes = { num_heads: { int: spec.heads } };
  return graph.node(name, "RotaryEmbedding", { domain: microsoft, inputs, attributes });
}

/** What the tables are made of. */
export interface RotaryTables extends Omit<RotarySpec, "heads"> {
  /** What each pair's angle is divided by besides: [width / 2]. */
  readonly divisors?: LazyTensor | undefined;
}

/** Cosines and sines of every position's angles: two tables of [positions, width / 2]. */
export function addRotaryTables(graph: GraphBuilder, spec: RotaryTables): readonly string[] {
  const { table, width, positions, long } = spec;
  const rows = long === undefined ? positions : long.after + positions;
  return (["cos", "sin"] as const).map((part) =>
    graph.constant({
      name: `${table}.${part}`,
      type: "float32",
      shape: [rows, width / 2],
      load: async () => bytesOf(turns(await divided(spec), Math[part])),
    }),
  );
}

async function divided(spec: RotaryTables): Promise<RotaryTables> {
  const divisors = await spec.divisors?.load();
  if (divisors === undefined) return spec;
  const frequencies = (width: number) =>
    spec.frequencies(width).map((frequency, pair) => frequency / (divisors[pair] as number));
  return { ...spec, frequencies };
}

/** The row of a text's first token: int64 [1]. Rows for long texts come after those for short ones. */
function addFirstRow(graph: GraphBuilder, name: string, input: string, { long }: RotarySpec): string {
  const first = graph.integers("rotary.first", [0]);
  if (long === undefined) return first;
  const length = addSize(graph, `${name}.length`, { input, axis: 1 });
  const isLong = [length, graph.integers("rotary.least-long", [long.after + 1])];
  const condition = graph.node(`${name}.is-long`, "GreaterOrEqual", { inputs: isLong });
  const inputs = [condition, graph.integers("rotary.first-long", [long.after]), first];
  return graph.node(`${name}.first`, "Where", { inputs });
}

/** In float32 at each step, as PyTorch computes them: at large positions the angles would differ otherwise. */
function turns(spec: RotaryTables, turn: (angle: number) => number): Float32Array {
  const { width, positions, scale, frequencies, long } = spec;
  const short = long === undefined ? positions : long.after;
  const values = new Float32Array((short + (long === undefined ? 0 : positions)) * (width / 2));
  const fill = (from: number, angles: Float32Array) => {
    for (let at = from; at < values.length; at += 1) {
      const position = Math.floor((at - from) / angles.length);
      values[at] = scale * turn(Math.fround(position * (angles[at % angles.length] as number)));
    }
  };
  fill(0, frequencies(width));
  if (long !== undefined) fill(short * (width / 2), long.frequencies(width));
  return values;
}
