import type { ModelSpec } from "@millrace/core";

/** Where workflows run. */
export const orchestrateQueue = "millrace-orchestrate";

/** Where sources are read, chunks are cut, points are written and jobs are committed. */
export const ioQueue = "millrace-io";

/** Where batches of one model are encoded on one kind of device: `cpu` or `cuda`. */
export function encodeQueue({ graph, precision }: Pick<ModelSpec, "graph" | "precision">, device: string): string {
  return `millrace-encode-${graph.slice(0, 16)}-${precision}-${device}`;
}

/** Where prompts are answered by the model with this graph. @param graph its sha256 */
export function generateQueue(graph: string, device: string): string {
  return `millrace-generate-${graph.slice(0, 16)}-${device}`;
}
