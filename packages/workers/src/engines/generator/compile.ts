import type { CompiledGenerator } from "@millrace/compiler";
import { startHost } from "../../hosts/host.js";
import type { CompileGeneratorRequest } from "./compile-host.js";

/** Compiles a generator, or finds it compiled, without blocking this process or growing its memory. */
export async function compileGeneratorInHost(request: CompileGeneratorRequest): Promise<CompiledGenerator> {
  const host = await startHost<CompileGeneratorRequest, CompiledGenerator>({
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
