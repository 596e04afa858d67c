import { MillraceError } from "@millrace/core";

/** An ONNX file that is damaged or does not fit what stands beside it. */
export function invalidOnnx(file: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError("E_MODEL_INVALID", `cannot use ${file}`, {
    why,
    fix: "Export or download it again.",
    cause,
  });
}
