/** What a model runs on: the processor's cores, or GPUs by their numbers. */
export type Device = { readonly kind: "cpu" } | { readonly kind: "cuda"; readonly gpus: readonly number[] };
export type DeviceKind = Device["kind"];

/** Reads `cpu`, `cuda` (the first GPU), `cuda:1` or `cuda:0,2`; undefined for anything else, and where a GPU is named twice. */
export function parseDevice(text: string): Device | undefined {
  if (text === "cpu") return { kind: "cpu" };
  const list = /^cuda(?::(\d{1,3}(?:,\d{1,3})*))?$/.exec(text);
  if (list === null) return undefined;
  const gpus = (list[1] ?? "0").split(",").map(Number);
  return new Set(gpus).size === gpus.length ? { kind: "cuda", gpus } : undefined;
}

/** The inverse of `parseDevice`. */
export function deviceText(device: Device): string {
  return device.kind === "cpu" ? "cpu" : `cuda:${device.gpus.join(",")}`;
}

/** What ran a model: recorded with its results. */
export interface EngineFacts {
  /** As `deviceText` writes it. */
  readonly device: string;
  /** ONNX Runtime's name of what carried out the graph: `CPUExecutionProvider`, `CUDAExecutionProvider`. */
  readonly provider: string;
}
