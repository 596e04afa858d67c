import { type CompiledModel, findCompiledModel } from "@millrace/compiler";
import { startHost } from "../hosts/host.js";
import type { CompileRequest } from "./compile-host.js";

/** Compiles a model, or finds it compiled, without blocking this process or growing its memory. */
export async function compileInHost({ directory, ...options }: CompileRequest): Promise<CompiledModel> {
  const found = await findCompiledModel(directory, options);
  if (found !== undefined) return found;
  const host = await startHost<CompileRequest, CompiledModel>({
    module: new URL("./compile-host.js", import.meta.url),
    settings: null,
    name: "compiler host",
  });
  try {
    return await host.request({ directory, ...options });
  } finally {
    await host.stop();
  }
}
