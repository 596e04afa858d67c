import { bytesOf, type GraphBuilder, microsoft } from "../graph/builder.js";
import { isRecord, JsonFile } from "../json.js";

/** Rotary position embedding: pairs of a head's floats are turned by an angle that grows with the token's position. */
export interface Rotary {
  readonly theta: number;
  /** Every angle is divided by it. */
  readonly factor: number;
}

/**
 * Reads rotary settings as transformers writes them: `rope_parameters`, for some models one object for each kind of layer,
 * or before version 5 `rope_theta` (or a field of another name) and `rope_scaling`. @throws E_MODEL_UNSUPPORTED
 */
export function readRotary(
  file: JsonFile,
  { kind, thetaField = "rope_theta", theta, isScaled = true }: RotaryPlace,
): Rotary {
  const { rope_parameters: parameters, rope_scaling } = file.values;
  const scaling = isScaled ? rope_scaling : undefined;
  const own = isRecord(parameters) && kind !== undefined && kind in parameters ? parameters[kind] : parameters;
  const values = { ...(isRecord(scaling) && scaling), ...(isRecord(own) && own) };
  const settings = new JsonFile(file.path, { rope_type: values.type, ...values });
  const type = settings.text("rope_type", "default");
  if (type !== "default" && type !== "linear") throw settings.unsupported("rope_type", ["default", "linear"]);
  return {
    theta: settings.positive("rope_theta", file.positive(thetaField, theta)),
    factor: type === "linear" ? settings.positive("factor", 1) : 1,
  };
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
  const inputs = [input, graph.integers("rotary.first", [0]), ...addRotaryTables(graph, spec)];
  const attributes = { num_heads: { int: spec.heads } };
  return graph.node(name, "RotaryEmbedding", { domain: microsoft, inputs, attributes });
}

/** Cosines and sines of every position's angles: two tables of [positions, width / 2]. */
export function addRotaryTables(graph: GraphBuilder, spec: Omit<RotarySpec, "heads">): readonly string[] {
  const { table, width, positions } = spec;
  return (["cos", "sin"] as const).map((part) =>
    graph.constant({
      name: `${table}.${part}`,
      type: "float32",
      shape: [positions, width / 2],
      load: async () => bytesOf(turns(spec, Math[part])),
    }),
  );
}

/** In float32 at each step, as PyTorch computes them: at large positions the angles would differ otherwise. */
function turns(
  { theta, factor, width, positions }: Omit<RotarySpec, "heads">,
  turn: (angle: number) => number,
): Float32Array {
  const half = width / 2;
  const frequencies = Float32Array.from({ length: half }, (_, pair) => {
    const frequency = Math.fround(1 / Math.fround(theta ** Math.fround((2 * pair) / width)));
    return frequency / factor;
  });
  return Float32Array.from({ length: positions * half }, (_, at) =>
    turn(Math.fround(Math.floor(at / half) * (frequencies[at % half] as number))),
  );
}
