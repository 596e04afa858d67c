/** When things happen: the orchestration, written once over `Runtime` and executed here or on Temporal. */
export { embedCorpus } from "./embed-corpus.js";
export { embedShard } from "./embed-shard.js";
export { createEmbeddedRuntime, type EmbeddedRuntimeOptions } from "./embedded/runtime.js";
export { Interrupted, type Progress, type Runtime } from "./runtime.js";
export { inWindow } from "./window.js";
