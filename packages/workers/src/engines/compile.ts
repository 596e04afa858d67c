import { type CompiledModel, findCompiledModel } from "@millrace/compiler";
import { askHost } from "../hosts/ask-host.js";
import type { CompileRequest } from "./compile-host.js";

/** Compiles a model, or finds it compiled, without blocking this process or growing its memory. */
export async function compileInHost({ directory, ...options }: CompileRequest): Promise<CompiledModel> {
  const found = await findCompiledModel(directory, options);
  if (found !== undefined) return found;
  const module = new URL("./compile-host.js", import.meta.url);
  return askHost<CompileRequest, CompiledModel>(
    { module, settings: null, name: "compiler host" },
    { directory, ...options },
  );
}
