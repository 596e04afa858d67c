import { type CompiledGenerator, type CompileGeneratorOptions, compileGenerator } from "@millrace/compiler";
import { serveHost } from "../../hosts/serve.js";

export interface CompileGeneratorRequest extends CompileGeneratorOptions {
  /** A directory or a file. */
  readonly place: string;
}

/** Compiles in a process of its own: weights pass through memory several times, which the main process need not keep. */
await serveHost<null, CompileGeneratorRequest, CompiledGenerator>(async () => ({
  facts: null,
  handle: ({ place, ...options }) => compileGenerator(place, options),
}));
