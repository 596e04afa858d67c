/**
 * Model directory in, ONNX graph out: `compileModel` reads what Hugging Face's tools saved, `architectures/` says how
 * each family is built, `heads/` what becomes of its states, `weights/` reads tensors, `precision/` turns
 * a float graph into an int8 one, `graph/` writes the file.
 */

export type { WeightsPlace } from "./cache.js";
export type { ClassifierTask } from "./classifiers/classifier.js";
export {
  type CompiledModel,
  type CompileOptions,
  compileModel,
  findCompiledModel,
} from "./compile.js";
export { type CompileClassifierOptions, type CompiledClassifier, compileClassifier } from "./compile-classifier.js";
export {
  type CompiledEncoder,
  type CompiledGenerator,
  type CompileGeneratorOptions,
  compileGenerator,
  findCompiledGenerator,
} from "./compile-generator.js";
export { sourceStep } from "./decoders/sources.js";
export type { TokenIds } from "./generators/generator-source.js";
export type { GraphValue } from "./graph/builder.js";
export { printGraph } from "./graph/print.js";
export type { ElementType } from "./graph/schema.js";
export { type PoolingMode, poolingModes } from "./heads/pooling.js";
export { describeModel, type ModelDescription } from "./inspect.js";
export type { ModelFile } from "./model-files.js";
export { calibrationTexts } from "./precision/calibration-texts.js";
export type { Fidelity } from "./precision/fidelity.js";
export { type AttentionLayout, attentionLayouts } from "./precision/fused-kernels.js";
export type { GraphRuntime, RunningGraph, TokenizerPlace } from "./precision/runtime.js";
export { type Matrix, type QuantizedWeight, quantizeWeight } from "./precision/weights.js";
export { probeGraph } from "./probe.js";
export { choosePrompt, type Prompts, type TextRole } from "./prompts.js";
export type { Dtype } from "./weights/dtypes.js";
export { type GeneratorPrecision, generatorPrecisions } from "./weights/in-precision.js";
export { readSafetensors, type SafetensorsFile } from "./weights/safetensors.js";
export type { TensorEntry } from "./weights/safetensors-header.js";
