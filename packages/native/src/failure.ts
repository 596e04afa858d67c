/** The caller's mistake, found before ONNX Runtime was asked. */
export function invalid(message: string): Error {
  return Object.assign(new Error(message), { code: "NATIVE_INVALID_ARGUMENT" });
}
