export type { Gpu, Telemetry } from "./addon.js";
export { Binding } from "./binding.js";
export { type CopyOptions, DeviceBuffer } from "./device-buffer.js";
export type { SessionOptions } from "./options.js";
export { Runtime, type RuntimeOptions, type TelemetryOptions } from "./runtime.js";
export { type BufferOptions, type CreateOptions, type RunOptions, Session, type WeightsFile } from "./session.js";
export type { Tensor, TensorArrays, TensorData, TensorType } from "./tensor.js";
