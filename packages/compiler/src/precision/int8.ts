import { digestOf } from "../digest.js";
import type { Graph } from "../graph/builder.js";
import { batchOf, calibrationRows, observe, openGraph, type RowsRequest } from "./calibrate.js";
import { calibrationTexts, checkTexts } from "./calibration-texts.js";
import { type Fidelity, fidelityOf } from "./fidelity.js";
import { quantizableInputs, quantizeGraph } from "./quantize.js";
import type { GraphRuntime } from "./runtime.js";

/** Changes with the texts: part of an int8 model's key. */
export const calibrationDigest = digestOf([calibrationTexts, checkTexts]);

/** Calibrates a float graph and rewrites its linears to int8; a graph without any stays what it is. */
export async function toInt8(graph: Graph, request: RowsRequest): Promise<Graph> {
  const inputs = quantizableInputs(graph);
  if (inputs.size === 0) return graph;
  const rows = await calibrationRows(calibrationTexts, request);
  return quantizeGraph(graph, await observe(graph, inputs, { runtime: request.runtime, rows }));
}

/** Runs both graphs over texts that were not calibrated with. */
export async function compareGraphs(exact: Graph, approximate: Graph, request: RowsRequest): Promise<Fidelity> {
  const rows = await calibrationRows(checkTexts, request);
  const encode = (graph: Graph) => encodeRows(request.runtime, graph, rows);
  return fidelityOf(await encode(exact), await encode(approximate));
}

async function encodeRows(runtime: GraphRuntime, graph: Graph, rows: readonly Int32Array[]): Promise<Float32Array[]> {
  const running = await openGraph(runtime, graph);
  const vectors: Float32Array[] = [];
  try {
    for (const ids of rows) vectors.push(...(await running.run(batchOf(ids))).values());
  } finally {
    await running.close();
  }
  return vectors;
}
