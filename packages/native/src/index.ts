export type { SessionOptions } from "./addon.js";
export { Binding } from "./binding.js";
export { type CopyOptions, DeviceBuffer } from "./device-buffer.js";
export { Runtime, type RuntimeOptions } from "./runtime.js";
export { type BufferOptions, type RunOptions, Session } from "./session.js";
export type { Tensor, TensorArrays, TensorData, TensorType } from "./tensor.js";
