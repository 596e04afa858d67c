import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { bytesOf, GraphBuilder } from "./graph/builder.js";
import { encodeGraph } from "./graph/encode.js";
import { elementTypes } from "./graph/schema.js";

/**
 * A small graph that shows whether a device works: ids int32 [batch, sequence] → vectors float32 [batch, 1], the largest id
 * of each row, by way of a product in float16.
 */
export async function probeGraph(): Promise<Uint8Array> {
  const graph = new GraphBuilder();
  const ids = graph.input({ name: "ids", type: "int32", shape: ["batch", "sequence"] });
  const cast = (name: string, input: string, type: "float16" | "float32") =>
    graph.node(name, "Cast", { inputs: [input], attributes: { to: { int: elementTypes[type] } } });
  const one = graph.constant({
    name: "one",
    type: "float16",
    shape: [1, 1],
    load: async () => bytesOf(Uint16Array.of(0x3c00)),
  });
  const last = graph.integers("last", [-1]);
  const columns = graph.node("columns", "Unsqueeze", { inputs: [cast("halves", ids, "float16"), last] });
  const products = graph.node("products", "MatMul", { inputs: [columns, one] });
  const states = cast("floats", graph.node("rows", "Squeeze", { inputs: [products, last] }), "float32");
  const vectors = graph.node("vectors", "ReduceMax", { inputs: [states, graph.integers("axis", [1])] });
  const outputs = [{ name: vectors, type: "float32", shape: ["batch", 1] }] as const;
  return buffer(Readable.from(encodeGraph(graph.finish("probe", { states, outputs }), "1")));
}
