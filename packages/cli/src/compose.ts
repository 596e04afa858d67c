/**
 * The composition root: here and in `compose/`, and nowhere else, concrete drivers are named and put together. Commands
 * work with what these functions open.
 */

export { createJsonLog } from "@millrace/workers";
export { type Answered, type OpenAsk, openAsk } from "./compose/ask.js";
export { deviceKind, engineOf, hostsAtWork, installGpu } from "./compose/device.js";
export { examineMachine } from "./compose/doctor.js";
export { openDryRun } from "./compose/dry-run.js";
export {
  listJobs,
  openFleet,
  openScheduler,
  type SubmittedJob,
  scheduleJob,
  submitJob,
  submitReindex,
} from "./compose/fleet.js";
export { type GenerationRequest, type OpenGeneration, openGeneration } from "./compose/generate.js";
export { type SubmittedGeneration, submitGeneration } from "./compose/generate-on-temporal.js";
export { type OpenGenerator, openGenerator } from "./compose/generator.js";
export { type OpenJob, openJob } from "./compose/job.js";
export { loadStore } from "./compose/load.js";
export { type OpenMetrics, openMetrics } from "./compose/metrics.js";
export {
  installedModels,
  measureRate,
  type OpenModel,
  openModel,
} from "./compose/model.js";
export { promptSpecOf } from "./compose/prompt-spec.js";
export { bringModel } from "./compose/pulled-model.js";
export { type DescribedReindex, openReindex } from "./compose/reindex.js";
export { openRetry } from "./compose/retry.js";
export { rollbackStore } from "./compose/rollback.js";
export { openSearch, scoreJob } from "./compose/search.js";
export type { AskedTask } from "./compose/task.js";
export { storeResults } from "./compose/task-store.js";
export { openPage } from "./compose/ui.js";
export { openVerification } from "./compose/verification.js";
export { runWorker } from "./compose/worker.js";
