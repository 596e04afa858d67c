import { type CompiledGenerator, findCompiledGenerator } from "@millrace/compiler";
import { askHost } from "../../hosts/ask-host.js";
import type { CompileGeneratorRequest } from "./compile-host.js";

/** Compiles a generator, or finds it compiled, without blocking this process or growing its memory. */
export async function compileGeneratorInHost(request: CompileGeneratorRequest): Promise<CompiledGenerator> {
  const { place, ...options } = request;
  const found = await findCompiledGenerator(place, options);
  if (found !== undefined) return found;
  const module = new URL("./compile-host.js", import.meta.url);
  return askHost({ module, settings: null, name: "compiler host" }, request);
}
