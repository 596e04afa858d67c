/** When things happen: the orchestration, written once over `Runtime` and executed here or on Temporal. */
export { embedCorpus, embedCorpusFrom, type Outcome } from "./embed-corpus.js";
export { embedShard } from "./embed-shard.js";
export { createEmbeddedRuntime, type EmbeddedRuntimeOptions } from "./embedded/runtime.js";
export { Gate } from "./gate.js";
export {
  type GenerateOutcome,
  type GeneratePosition,
  type GenerateProgress,
  type GenerateRuntime,
  generateCorpus,
  generateCorpusFrom,
} from "./generate-corpus.js";
export { createInTurn, type InTurn } from "./in-turn.js";
export { JobSpans, type JobTrace } from "./job-spans.js";
export { beginning, type Position } from "./position.js";
export { promoteFilled, type ReindexRuntime, type ReindexSummary, reindexCorpus } from "./reindex-corpus.js";
export { Interrupted, type Progress, type Runtime, type Windows } from "./runtime.js";
export { Slots } from "./slots.js";
export { attributes, attributesOf } from "./temporal/attributes.js";
export type { GenerateJobProgress } from "./temporal/generate-progress.js";
export type { GenerateActivities } from "./temporal/generate-workflow.js";
export type { JobProgress } from "./temporal/progress.js";
export { encodeQueue, generateQueue, ioQueue, orchestrateQueue } from "./temporal/queues.js";
export type { SteeredProgress } from "./temporal/steering.js";
export type {
  EmbedCorpusInput,
  GenerateCorpusInput,
  RefreshCorpusInput,
  ReindexCorpusInput,
} from "./temporal/workflows.js";
export { inWindow, type Window } from "./window.js";
