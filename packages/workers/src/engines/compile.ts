import type { CompiledModel } from "@millrace/compiler";
import { startHost } from "../hosts/host.js";
import type { CompileRequest } from "./compile-host.js";

/** Compiles a model, or finds it compiled, without blocking this process or growing its memory. */
export async function compileInHost(request: CompileRequest): Promise<CompiledModel> {
  const host = await startHost<CompileRequest, CompiledModel>({
    module: new URL("./compile-host.js", import.meta.url),
    settings: null,
    name: "compiler host",
  });
  try {
    return await host.request(request);
  } finally {
    await host.stop();
  }
}
