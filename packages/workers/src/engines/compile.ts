import {
  type CompileClassifierOptions,
  type CompiledClassifier,
  type CompiledModel,
  findCompiledClassifier,
  findCompiledModel,
} from "@millrace/compiler";
import { askHost } from "../hosts/ask-host.js";
import type { CompileRequest, EncoderRequest } from "./compile-host.js";

/** Compiles a model, or finds it compiled, without blocking this process or growing its memory. */
export async function compileInHost({ directory, ...options }: EncoderRequest): Promise<CompiledModel> {
  const found = await findCompiledModel(directory, options);
  return found ?? askCompiler<CompiledModel>({ kind: "encoder", directory, ...options });
}

/** The same for a model with a head. */
export async function compileClassifierInHost(
  directory: string,
  options: CompileClassifierOptions,
): Promise<CompiledClassifier> {
  const found = await findCompiledClassifier(directory, options);
  return found ?? askCompiler<CompiledClassifier>({ kind: "classifier", directory, ...options });
}

function askCompiler<Compiled>(request: CompileRequest): Promise<Compiled> {
  const module = new URL("./compile-host.js", import.meta.url);
  return askHost<CompileRequest, Compiled>({ module, settings: null, name: "compiler host" }, request);
}
