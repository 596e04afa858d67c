/** How the work is done: drivers, in the order the data flows, and the steps that use them. */

export { type BatchRow, encodeBatchFile, openBatchFile } from "./arrow/batch-file.js";
export { encodeVectorsFile, openVectorsFile } from "./arrow/vectors-file.js";
export { discardingBlobs } from "./blobs/discarding.js";
export { folderBlobs } from "./blobs/folder.js";
export { lockFolder } from "./blobs/folder-lock.js";
export { putBlob, readJson, writeJson } from "./blobs/json.js";
export { joinWorkFolder, type Lease, type LeaseOptions, leaseS3Folder, leaseWorkFolder } from "./blobs/lease.js";
export { memoryBlobs } from "./blobs/memory.js";
export { openBlobs } from "./blobs/open.js";
export {
  type ChatMessage,
  type ChatTemplate,
  type ChatTemplateSource,
  openChatTemplate,
  type RenderOptions,
} from "./chat/chat-template.js";
export { compileTemplate, type Render } from "./chat/prompt-template.js";
export { checkChunking, chunkerVersion, createChunker } from "./chunkers/create-chunker.js";
export { type ChunkRange, type Piece, planChunks } from "./chunkers/plan-chunks.js";
export { diagnose } from "./doctor/diagnose.js";
export type { DiagnoseOptions, Finding } from "./doctor/finding.js";
export type { ServerCheck, ServerFacts } from "./doctor/server-check.js";
export { sessionBindings } from "./engines/bindings.js";
export { compileClassifierInHost, compileInHost } from "./engines/compile.js";
export { type ArenaLimits, type ArenaShape, arenaBytes, planArena } from "./engines/decoding/arena.js";
export { advanceSearch, type BeamRules, type BeamSearch, beginSearch, candidatesOf } from "./engines/decoding/beams.js";
export { checkDecoding, decodingProblem } from "./engines/decoding/check.js";
export { argMax, drawToken, keptTokens, likeliest, logprobOf } from "./engines/decoding/choose.js";
export { modelBeams, modelDecoding } from "./engines/decoding/model-defaults.js";
export { type History, isPlainGreedy, processLogits } from "./engines/decoding/processors.js";
export { philox, uniform } from "./engines/decoding/random.js";
export { type Operation, type ScheduledRow, Scheduler, type SchedulerLimits } from "./engines/decoding/scheduler.js";
export { type EncodedRows, encodeRows } from "./engines/encode-rows.js";
export { encodeTexts } from "./engines/encode-texts.js";
export {
  createEncoderPool,
  defaultTokenBudget,
  EncoderPool,
  type EncoderPoolOptions,
  engineFacts,
} from "./engines/encoder-pool.js";
export { compileGeneratorInHost } from "./engines/generator/compile.js";
export type { Arena, Decoder, RunScores, Wanted } from "./engines/generator/decoder.js";
export { decoderFacts } from "./engines/generator/decoder-facts.js";
export { defaultMaximumRows, GeneratorPool, type GeneratorPoolOptions } from "./engines/generator/generator-pool.js";
export { GeneratorLoop, type LoopOptions } from "./engines/generator/loop.js";
export { madeUpDecoder } from "./engines/generator/made-up-decoder.js";
export { type MemoryWishes, planMemory } from "./engines/generator/memory.js";
export {
  bestDecoderBinding,
  type DecoderBinding,
  decoderBindings,
  openDecoder,
} from "./engines/generator/open-decoder.js";
export type { GeneratorNote } from "./engines/generator/teller.js";
export { checkGolden } from "./engines/golden.js";
export { createLazyEncoder, type LazyEncoder } from "./engines/lazy-encoder.js";
export { requireNode22 } from "./engines/onnx-runtime.js";
export { openSession, type SessionOptions } from "./engines/onnx-session.js";
export type { Session, SessionBinding, SessionShape } from "./engines/session.js";
export { type StepMeasurement, vectorStep } from "./engines/vector-step.js";
export { knownExtensions } from "./formats/extensions.js";
export type { ParseLimits } from "./formats/limits.js";
export { formatFor, type ParseSettings, parseObject } from "./formats/parse-object.js";
export { blobJournals } from "./generate/blob-journal.js";
export { finishedSummary } from "./generate/commit.js";
export {
  type AnswerContext,
  type AnswerNote,
  defaultGenerateLimits,
  fleetGenerateLimits,
  type GenerateContext,
  type GenerateLimits,
  type PromptContext,
} from "./generate/context.js";
export { fileJournals } from "./generate/file-journal.js";
export type { Journal, JournalEntry, OpenJournal } from "./generate/journal.js";
export { type Output, openOutput } from "./generate/output.js";
export {
  type AnswerSteps,
  createAnswerSteps,
  createGenerateSteps,
  createPromptSteps,
  type PromptSteps,
} from "./generate-steps.js";
export type { LibrarySearch } from "./gpu/find-libraries.js";
export { installProvider, type ProviderInstallation } from "./gpu/install.js";
export { type CudaLibrary, cudaLibraries } from "./gpu/libraries.js";
export { type DeviceSearch, prepareDevice, type ReadyDevice } from "./gpu/prepare.js";
export { findGpuRuntime, type GpuRuntime, type GpuRuntimeRecord } from "./gpu/runtime.js";
export { canonicalJson, contentHash, fingerprintOf, sha256 } from "./identity/digest.js";
export { type ChunkPlace, pointId } from "./identity/point-id.js";
export { jobIdOf, workName, workPlace, workRoot } from "./jobs/places.js";
export { type Amount, isWorkedOn, WorkReader, type WorkState } from "./jobs/read-work.js";
export { type FormerJob, type JobRecord, lastingJob, readJobRecord, rememberJob } from "./jobs/records.js";
export type { NumberedEntry, VectorsLogEntry } from "./kept-vectors/log.js";
export { openKeptVectors } from "./kept-vectors/open-log.js";
export { type LoadPlan, planLoad } from "./kept-vectors/plan-load.js";
export { type DistinctRows, encodeDistinct } from "./known-vectors/encode-distinct.js";
export { KnownVectors, type VectorCache, vectorKey } from "./known-vectors/known-vectors.js";
export { openVectorCache, type VectorCacheOptions } from "./known-vectors/open-cache.js";
export { createJsonLog } from "./logs/create-log.js";
export { logging } from "./logs/logged-steps.js";
export { clusterNames } from "./map/cluster-names.js";
export { type DocumentVectors, documentName, documentVectors, type MappedDocument } from "./map/document-vectors.js";
export type { DocumentMap } from "./map/map-file.js";
export { openMap } from "./map/open-map.js";
export { principalCoordinates, type Rows } from "./map/principal-components.js";
export { type Projection, projectVectors } from "./map/project.js";
export { createMetrics } from "./metrics/create.js";
export { observeEngine } from "./metrics/engine-observer.js";
export { watchGpus } from "./metrics/gpus.js";
export { meteredGenerateSteps } from "./metrics/metered-generate-steps.js";
export { GeneratorMeter } from "./metrics/metered-generator.js";
export { meteredSink } from "./metrics/metered-sink.js";
export { meteredReindexSteps, meteredSteps } from "./metrics/metered-steps.js";
export type { LabelsOf, Metrics } from "./metrics/metrics.js";
export { pushMetrics } from "./metrics/push.js";
export { type EndpointOptions, type MetricsEndpoint, serveMetrics } from "./metrics/serve.js";
export { type MetricFacts, type MetricName, metricTable, type Stage } from "./metrics.js";
export { knownModels } from "./models/known.js";
export type {
  InstalledModel,
  KnownModel,
  ModelFile,
  ModelOrigin,
  ModelStoreOptions,
  PackagedModel,
  TransferLimits,
} from "./models/model.js";
export { findModel, listModels, pullModel } from "./models/store.js";
export { type GroundedPrompt, type GroundedQuestion, groundedPrompt, type Passage } from "./prompts/passages.js";
export {
  createPromptMaker,
  messagesOf,
  type PromptMaker,
  type PromptModel,
  type PromptText,
} from "./prompts/prompt-maker.js";
export { type AskedModel, taskPrompt } from "./prompts/task-prompts.js";
export type { QuarantineRecord } from "./quarantine/quarantine.js";
export { quarantined } from "./quarantine/read-quarantine.js";
export { s3Facts } from "./s3/server-facts.js";
export {
  checkVectorPrecision,
  createGenerations,
  createSearcher,
  createSink,
  generationOf,
  parseStoreUri,
  type StoreAddress,
  type StoreDriver,
  type StoreOptions,
  storeDrivers,
  storeFolder,
  storeUri,
  storeWithGeneration,
} from "./sinks/create.js";
export { matchesFilter, parseFilter } from "./sinks/filter.js";
export { generationName } from "./sinks/generation.js";
export type { RetryReason } from "./sinks/qdrant/client.js";
export { qdrantFacts } from "./sinks/qdrant/server-facts.js";
export { openSource } from "./sources/open-source.js";
export { spooledUri, spoolStandardInput } from "./sources/spool.js";
export type { SplitterDrivers } from "./splitter/drivers.js";
export { HostSplitter, type HostSplitterOptions } from "./splitter/host-splitter.js";
export { ShardSplitter, type SplitRequest } from "./splitter/split-shard.js";
export { type Surveying, type SurveyRequest, surveyObject } from "./splitter/survey-object.js";
export {
  type Around,
  aroundGenerateSteps,
  aroundReindexSteps,
  aroundSteps,
  type StepCall,
} from "./steps/around-steps.js";
export { type ComparedIds, compareIds, type IdsToCompare } from "./steps/compare-ids.js";
export type { EncodeContext, IoContext, Splitter, StepContext, StepControl } from "./steps/context.js";
export { IdDraw } from "./steps/draw-ids.js";
export { type Check, guardedBlobs, guardedSink } from "./steps/guarded.js";
export { type JudgedQueries, scoreQueries } from "./steps/judge.js";
export { type LoadContext, type LoadReport, load } from "./steps/load.js";
export { type ContextPool, createContextPool, type OpenContext } from "./steps/pooled-contexts.js";
export { type PromoteContext, replaceableGeneration, rollback } from "./steps/promote.js";
export {
  createPromotionSteps,
  createQualitySteps,
  type PromotionSteps,
  packJudged,
  type QualityContext,
} from "./steps/reindex.js";
export {
  type DocumentPayload,
  type PayloadCounts,
  type PayloadStore,
  setPayloads,
} from "./steps/set-payloads.js";
export { type VerifyContext, verify } from "./steps/verify.js";
export { type ContextOf, createEncodeSteps, createIoSteps, createSteps, type IoSteps } from "./steps.js";
export { findAnswers, type QuestionedWindow } from "./tasks/answers.js";
export { type Entity, findEntities, type JudgedWindow } from "./tasks/entities.js";
export type { Judge } from "./tasks/judge-rows.js";
export { entailmentPlaces, scoreHypotheses, scoreLabels } from "./tasks/labels.js";
export { answerReader, type GivenAnswer } from "./tasks/read-answer.js";
export { createTask, seesAll, type TextTask, taskOfHead } from "./tasks/task.js";
export { isAboutText } from "./tasks/texts-of-row.js";
export type { TemporalPlace } from "./temporal/connect.js";
export { jobWorkflowId } from "./temporal/ids.js";
export type { Jobs, JobsWanted, JobToStart, ListedJob } from "./temporal/jobs.js";
export type { ListedSchedule, Schedules, Timing } from "./temporal/schedules.js";
export type { QueueToPoll, WorkerOptions, WorkerVersion } from "./temporal/worker.js";
export {
  bundleWorkflows,
  namedTemporalServer,
  openJobs,
  openSchedules,
  runWorkers,
  searchable,
  temporalFacts,
  workflowsDigest,
} from "./temporal.js";
export { loadDetokenizer } from "./tokenize/load-detokenizer.js";
export { loadTokenizer, type TokenizerOptions } from "./tokenize/load-tokenizer.js";
export { loadWindowTokenizer, type Pair, type TextWindow, type WindowTokenizer } from "./tokenize/windows.js";
export { withPrompt } from "./tokenize/with-prompt.js";
export { createTracing } from "./tracing/create.js";
export { tracedEncoder, tracedGenerator } from "./tracing/traced-engines.js";
export { tracedSink } from "./tracing/traced-sink.js";
export type { Tracing, TracingOptions } from "./tracing/tracing.js";
export { defaultWorkLimits, fleetWorkLimits, type WorkLimits, withBatchSize } from "./work-limits.js";
