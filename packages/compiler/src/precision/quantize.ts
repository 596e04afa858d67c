import { bytesOf, type Constant, type Graph, type GraphNode, microsoft } from "../graph/builder.js";
import { type ChannelWeights, divided, equalizingFactors, scaleOf } from "./equalize.js";
import { byInput, findLinears, type GraphLinks, type Linear, linksOf } from "./linears.js";
import { type ChannelCopy, copiesFor, planOutliers } from "./outliers.js";
import type { ActivationScale, ChannelRanges } from "./ranges.js";
import { type Matrix, type QuantizedWeight, quantizeWeight } from "./weights.js";

/** How the values that linears multiply are turned into uint8. */
interface InputPlan {
  readonly scale: ActivationScale;
  /** Divisors of the channels; the weights' rows are multiplied by them. */
  readonly factors?: Float32Array;
  /** Channels that the value has besides those of the float graph. */
  readonly copies?: readonly ChannelCopy[];
}

/** The values whose ranges `quantizeGraph` asks for, and how many channels each has. */
export function quantizableInputs(graph: Graph): ReadonlyMap<string, number> {
  return new Map(findLinears(graph, linksOf(graph)).map(({ input, weight }) => [input, weight.shape[0] ?? 0]));
}

/**
 * Rewrites a float graph: its linears multiply uint8 activations by int8 weights, the rest stays as it is. Static
 * scales, so that a row's vector does not depend on the rows beside it. The form is the one ONNX Runtime's kernels want:
 * QuantizeLinear once for all linears that share an input, then MatMulIntegerToFloat with the bias inside.
 * @param ranges of each of `quantizableInputs(graph)`
 */
export async function quantizeGraph(graph: Graph, ranges: ReadonlyMap<string, ChannelRanges>): Promise<Graph> {
  const links = linksOf(graph);
  const linears = findLinears(graph, links);
  const plans = new Map<string, InputPlan>();
  for (const [input, group] of byInput(linears))
    plans.set(input, await planInput({ input, group, linears, links }, ranges.get(input) as ChannelRanges));
  return rewrite(graph, linears, { plans, links });
}

interface Group {
  readonly input: string;
  readonly group: readonly Linear[];
  readonly linears: readonly Linear[];
  readonly links: GraphLinks;
}

async function planInput(place: Group, ranges: ChannelRanges): Promise<InputPlan> {
  const outliers = widenable(place) === undefined ? undefined : planOutliers(ranges, copiesFor(ranges.minima.length));
  if (outliers !== undefined) return outliers;
  const factors = equalizingFactors(ranges, await channelWeights(place.group));
  if (factors === undefined) return { scale: scaleOf(ranges) };
  return { scale: scaleOf(divided(ranges, factors)), factors };
}

/** Activation functions that are zero far below zero and the identity far above. */
const rectifiers: readonly string[] = ["Gelu", "Relu"];

/** The linear before an activation function, where nothing but linears behind it would see more channels. */
function widenable({ input, group, linears, links }: Group): Linear | undefined {
  const activation = links.producers.get(input);
  if (activation === undefined || !rectifiers.includes(activation.op)) return undefined;
  const before = linears.find(({ output }) => output === activation.inputs[0]);
  const isAlone = (value: string, readers: number) =>
    links.consumers.get(value)?.length === readers && !links.outputs.has(value);
  if (before?.bias === undefined || !isAlone(before.output, 1) || !isAlone(input, group.length)) return undefined;
  return before;
}

async function channelWeights(group: readonly Linear[]): Promise<ChannelWeights> {
  const channels = group[0]?.weight.shape[0] ?? 0;
  const magnitudes = new Float32Array(channels);
  const squares = new Float64Array(channels);
  for (const linear of group) {
    const { values, columns } = await loadMatrix(linear.weight);
    for (let channel = 0; channel < channels; channel += 1) {
      const row = values.subarray(channel * columns, (channel + 1) * columns);
      magnitudes[channel] = row.reduce((most, value) => Math.max(most, Math.abs(value)), magnitudes[channel] as number);
      squares[channel] = row.reduce((sum, value) => sum + value * value, squares[channel] as number);
    }
  }
  return { magnitudes, squares };
}

interface Rewriting {
  readonly plans: ReadonlyMap<string, InputPlan>;
  readonly links: GraphLinks;
}

function rewrite(graph: Graph, linears: readonly Linear[], { plans, links }: Rewriting): Graph {
  const gone = new Set(linears.flatMap(({ weight, bias }) => [weight.name, bias?.name]));
  const constants = new Map(
    graph.constants.filter(({ name }) => !gone.has(name)).map((constant) => [constant.name, constant]),
  );
  const replaced = new Map<string, readonly GraphNode[]>();
  const quantized = new Set<string>();
  for (const linear of linears) {
    const plan = plans.get(linear.input) as InputPlan;
    const [activation] = links.consumers.get(linear.output) ?? [];
    const columnCopies = plans.get(activation?.outputs[0] ?? "")?.copies ?? [];
    const part = writeLinear(linear, { plan, columnCopies });
    const first = quantized.has(linear.input) ? undefined : writeInput(linear.input, plan);
    quantized.add(linear.input);
    for (const constant of [...(first?.constants ?? []), ...part.constants]) constants.set(constant.name, constant);
    for (const node of linear.nodes) replaced.set(node.name, []);
    replaced.set(linear.name, [...(first?.nodes ?? []), ...part.nodes]);
  }
  const nodes = graph.nodes.flatMap((node) => replaced.get(node.name) ?? [approximated(node)]);
  return { ...graph, nodes, constants: [...constants.values()] };
}

interface GraphPart {
  readonly nodes: readonly GraphNode[];
  readonly constants: readonly Constant[];
}

/** `<input>.quantized`: uint8, after its channels were divided where they are to be. */
function writeInput(input: string, { scale, factors }: InputPlan): GraphPart {
  const name = quantizedName(input);
  const constants = [
    constant(`${name}.scale`, [], Float32Array.of(scale.scale)),
    constant(`${name}.zero-point`, [], Uint8Array.of(scale.zeroPoint)),
  ];
  const quantize = (value: string) => nodeOf(name, "QuantizeLinear", [value, `${name}.scale`, `${name}.zero-point`]);
  if (factors === undefined) return { nodes: [quantize(input)], constants };
  const equalized = `${input}.equalized`;
  const reciprocals = constant(
    `${equalized}.factors`,
    [factors.length],
    factors.map((factor) => 1 / factor),
  );
  const multiply = nodeOf(equalized, "Mul", [input, reciprocals.name]);
  return { nodes: [multiply, quantize(equalized)], constants: [reciprocals, ...constants] };
}

function quantizedName(input: string): string {
  return `${input}.quantized`;
}

interface LinearPlan {
  readonly plan: InputPlan;
  readonly columnCopies: readonly ChannelCopy[];
}

function writeLinear(linear: Linear, { plan, columnCopies }: LinearPlan): GraphPart {
  const { weight, bias, input, output } = linear;
  const [rows = 0, columns = 0] = weight.shape;
  const height = rows + (plan.copies?.length ?? 0);
  const width = columns + columnCopies.length;
  const quantized = remembered(async () => {
    const matrix = await loadMatrix(weight);
    return quantizeWeight(withColumns(withRows(matrix, plan), columnCopies));
  });
  const scales = `${weight.name}.scales`;
  const constants: Constant[] = [
    { name: weight.name, type: "int8", shape: [height, width], load: async () => bytesOf((await quantized()).values) },
    { name: scales, type: "float32", shape: [width], load: async () => bytesOf((await quantized()).scales) },
  ];
  const source = quantizedName(input);
  const inputs = [source, weight.name, `${source}.scale`, scales, `${source}.zero-point`];
  if (bias !== undefined) {
    const load = async () => bytesOf(withCopies(floats(await bias.load()), columnCopies));
    constants.push({ ...bias, shape: [width], load });
    inputs.push("", bias.name);
  }
  return { nodes: [{ ...nodeOf(output, "MatMulIntegerToFloat", inputs), domain: microsoft }], constants };
}

/** Rows times their channels' factors, then the rows of channels that were copied. */
function withRows({ values, rows, columns }: Matrix, { factors, copies = [] }: InputPlan): Matrix {
  const grown = new Float32Array((rows + copies.length) * columns);
  grown.set(
    factors === undefined
      ? values
      : values.map((value, index) => value * (factors[Math.floor(index / columns)] as number)),
  );
  for (const [index, { channel }] of copies.entries())
    grown.set(values.subarray(channel * columns, (channel + 1) * columns), (rows + index) * columns);
  return { values: grown, rows: rows + copies.length, columns };
}

function withColumns(matrix: Matrix, copies: readonly ChannelCopy[]): Matrix {
  if (copies.length === 0) return matrix;
  const { values, rows, columns } = matrix;
  const width = columns + copies.length;
  const grown = new Float32Array(rows * width);
  for (let row = 0; row < rows; row += 1) {
    const source = values.subarray(row * columns, (row + 1) * columns);
    grown.set(source, row * width);
    for (const [index, { channel }] of copies.entries())
      grown[row * width + columns + index] = source[channel] as number;
  }
  return { values: grown, rows, columns: width };
}

function withCopies(bias: Float32Array, copies: readonly ChannelCopy[]): Float32Array {
  return Float32Array.of(...bias, ...copies.map(({ channel, offset }) => (bias[channel] as number) - offset));
}

/** The error function takes longer than tanh, whose form of GELU differs by less than a step of uint8. */
function approximated(node: GraphNode): GraphNode {
  if (node.op !== "Gelu") return node;
  return { ...node, attributes: { ...node.attributes, approximate: { string: "tanh" } } };
}

async function loadMatrix({ shape: [rows = 0, columns = 0], load }: Constant): Promise<Matrix> {
  return { values: floats(await load()), rows, columns };
}

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function nodeOf(name: string, op: string, inputs: readonly string[]): GraphNode {
  return { name, op, domain: "", inputs, outputs: [name], attributes: {} };
}

function constant(name: string, shape: readonly number[], values: Float32Array | Uint8Array): Constant {
  const type = values instanceof Float32Array ? "float32" : "uint8";
  return { name, type, shape, load: async () => bytesOf(values) };
}

/** A weight's values and scales are loaded one after the other, and quantised once. */
function remembered(quantize: () => Promise<QuantizedWeight>): () => Promise<QuantizedWeight> {
  let first: Promise<QuantizedWeight> | undefined;
  return () => {
    const result = first ?? quantize();
    first = first === undefined ? result : undefined;
    return result;
  };
}
