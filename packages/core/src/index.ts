/**
 * The nouns of millrace, in the order the data flows.
 *
 * A **corpus** is what a source lists. An **object** is one file. A **document** is one record in an object. A **chunk**
 * is a piece of a document within the model's token budget. A **batch** is an Arrow file of chunks, the unit of
 * scheduling; a **token batch** is what one engine run takes. **Vectors** are the Arrow file an encoder makes of a batch.
 * A **point** is id, vector and payload in a store. A **shard** is a bounded set of objects or rows, the unit of resume.
 * A **manifest** says which documents of which version are in the store. A **fingerprint** is the digest of everything
 * that changes a vector.
 */

export { redactor, withoutCredentials } from "./credentials.js";

export {
  asMillraceError,
  type ErrorCode,
  type ErrorDetails,
  type ErrorScope,
  errorTable,
  MillraceError,
  type RetryClass,
} from "./errors.js";

export { isTaken, type Log, type LogFields, type LogLevel, logLevels } from "./log.js";

export { type RetryPolicy, retryDelay, retryPolicies } from "./retries.js";

export {
  type Block,
  type BlockKind,
  blockKinds,
  type CorpusObject,
  compareKeys,
  type Document,
  type Json,
  type Payload,
} from "./corpus.js";

export type { OpenObject, Source } from "./source.js";

export type { FieldMapping, Format, Row } from "./format.js";

export {
  type Chunk,
  type Chunker,
  type Chunking,
  type ChunkingStrategy,
  chunkingStrategies,
  type Tokenizer,
  type TokenSpans,
  type TruncationSide,
  truncationSides,
} from "./chunk.js";

export { type Device, type DeviceKind, deviceText, type EngineFacts, parseDevice } from "./device.js";

export {
  type BatchRef,
  type BlobRef,
  inPieces,
  planTokenBatches,
  type Receipt,
  type TokenBatchPlan,
  type VectorsRef,
} from "./batch.js";

export type { CancelSignal, Encoder, TokenBatch } from "./engine.js";

export {
  type BeamOptions,
  type DecodingOptions,
  type EarlyStopping,
  earlyStoppings,
  greedyDecoding,
  mostTopLogprobs,
} from "./decoding.js";

export type {
  Detokenizer,
  FinishReason,
  GeneratedRow,
  GenerateRequest,
  Generator,
  TokenLogprob,
} from "./generator.js";

export { fromHalves, largestHalf, toHalves } from "./halves.js";

export { cosineSimilarity } from "./similarity.js";

export {
  formOf,
  type HeldNumbers,
  heldCosine,
  heldLength,
  heldVector,
  int8Ranges,
  packVectors,
  queryInForm,
  signsOf,
  unpackVector,
  type VectorForm,
  type VectorPrecision,
  vectorPrecisions,
} from "./vector-form.js";

export type { PointBatch, PointRecord, StoredSchema, StoreSchema } from "./point.js";

export type {
  Filter,
  Generation,
  Generations,
  Searcher,
  SearchHit,
  SearchQuery,
  Sink,
  StoredPoint,
} from "./sink.js";

export type { BlobStore } from "./blobs.js";

export {
  diffListing,
  type KnownObject,
  type ManifestDocument,
  type ManifestPart,
  type ObjectChange,
  type Reconciled,
  reconcileObject,
  type StalePoints,
  stalePoints,
} from "./manifest.js";

export {
  type CollectionSettings,
  type PayloadIndex,
  payloadIndexTypes,
  type Quantization,
  quantizations,
  type Residence,
  residences,
} from "./collection.js";

export { groupObjects, RangeCutter, type RangeLimits, type RowRange, type Seam, type ShardLimits } from "./plan.js";

export {
  type FingerprintParts,
  type Job,
  type ModelSpec,
  type Precision,
  type GeneratorPrecisionChoice,
  type PrecisionChoice,
  precisionChoices,
  precisions,
  type SizeLimits,
  type SourceSpec,
  storeSchema,
} from "./job.js";

export { type Judgements, meanScores, type RankingScores, scoreRanking } from "./ranking.js";

export { type QualityGate, type GateReport, gateVerdict, type MeasuredRecall } from "./gate.js";

export {
  type FoundPoint,
  type FoundPoints,
  type Freshness,
  leastCosine,
  type Mismatch,
  type VerifyOptions,
  type VerifyReport,
  verdictOf,
} from "./verify.js";

export type {
  CorpusSteps,
  JobSteps,
  PlanCounts,
  PlanPage,
  Promotion,
  ReindexOptions,
  ReindexSteps,
  Shard,
  ShardSteps,
  Split,
  SplitCounts,
  Steps,
  Summary,
} from "./steps.js";

export { type JudgingTask, type TaskName, type TaskSpec, taskNames, type WritingTask } from "./task.js";

export {
  type GenerateFormat,
  type GenerateJob,
  generateFormats,
  type GeneratePlan,
  type GenerateSteps,
  type GenerateSummary,
  type PromptBatchRef,
  type PromptShard,
  type PromptSpec,
  type PromptSplit,
  type TextsRef,
} from "./generate-steps.js";

export { addCounts, addPlanCounts, noCounts, noPlanCounts, oldestOf, shardBytes } from "./counts.js";

export { generateLayout, layout } from "./layout.js";

export { IdDigest, idBucket, idBuckets, idRank } from "./id-digest.js";

export { jobSpanId, type SpanFacts, shardSpanId } from "./trace.js";
