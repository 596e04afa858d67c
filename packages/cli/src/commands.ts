import type { CommandFacts } from "./command.js";
import { taskCommands } from "./commands/task-facts.js";
import { collectionSettings, inheritedSettings, inheritedWithModel } from "./config/inherited.js";
import type { DefaultNotes } from "./config/options.js";
import type { SettingKey } from "./config/settings.js";

const output = ["json", "quiet", "debug", "logFormat", "logLevel"] as const satisfies readonly SettingKey[];
const places = ["store", "work", "corpus"] as const satisfies readonly SettingKey[];
const collection = [...collectionSettings, "qdrantTimeout"] as const satisfies readonly SettingKey[];
const model = [
  "model",
  "precision",
  "dimensions",
  "onnxFile",
  "device",
  "modelsDirectory",
  "cacheDirectory",
  "hubEndpoint",
  "python",
  "offline",
] as const satisfies readonly SettingKey[];
const engine = ["hosts", "tokenBudget", "batchSize"] as const satisfies readonly SettingKey[];
/** Of commands that make vectors to keep. */
const encoding = [...engine, "vectorCache", "vectorCacheBytes"] as const satisfies readonly SettingKey[];
/** Who hears what a process does. */
const watching = ["metricsPort", "metricsHost", "metricsPush", "otlpEndpoint"] as const satisfies readonly SettingKey[];
/** Where the page is served, and what it shows. */
const page = ["port", "host", "temporal"] as const satisfies readonly SettingKey[];
const temporal = ["temporalAddress", "temporalNamespace"] as const satisfies readonly SettingKey[];
/** Where a job runs, and how it is followed there. */
const fleet = ["on", "watch", "detach", "inFlight", ...temporal] as const satisfies readonly SettingKey[];
/** What is read, and what becomes of it in the store. */
const documents = [
  "include",
  "exclude",
  "idField",
  "textField",
  "titleField",
  "payloadFields",
  "documentPrompt",
  "maxRowBytes",
  "maxObjectBytes",
  "chunkingStrategy",
  "maxTokens",
  "overlap",
  "vectorPrecision",
  "full",
  "allowEmpty",
] as const satisfies readonly SettingKey[];

/** Where a generator is brought from. */
const generator = [
  "model",
  "precision",
  "device",
  "modelsDirectory",
  "cacheDirectory",
  "hubEndpoint",
  "python",
  "offline",
] as const satisfies readonly SettingKey[];
const ofGenerator = "must be given, of type llama, mistral, qwen2, qwen3, gpt2, t5, mt5, bart or marian";
/** How answers are generated. */
const decoding = [
  "maxNewTokens",
  "minNewTokens",
  "temperature",
  "topK",
  "topP",
  "minP",
  "repetitionPenalty",
  "frequencyPenalty",
  "presencePenalty",
  "distinctNgramSize",
  "badWords",
  "stop",
  "seed",
  "logprobs",
  "batchRows",
  "batchTokens",
  "kvMemory",
] as const satisfies readonly SettingKey[];
/** Of commands that answer a file, beside what that file is. */
const answering = [
  "out",
  "work",
  "maxRowBytes",
  "maxQuarantined",
  ...decoding,
  ...generator,
  ...fleet,
  ...watching,
  ...output,
] as const satisfies readonly SettingKey[];

/** Of commands that take a job which was run before. */
const byDefaultTheJobs = "by default the job's";
const ofJob = { store: byDefaultTheJobs, model: byDefaultTheJobs } as const satisfies DefaultNotes;

/** A reindex changes what is given, and what another model has of its own. */
const ofReindex: DefaultNotes = {
  store: byDefaultTheJobs,
  ...Object.fromEntries(inheritedSettings.map((key) => [key, byDefaultTheJobs])),
  ...Object.fromEntries(inheritedWithModel.map((key) => [key, `${byDefaultTheJobs}, with --model the model's`])),
};

/** What the commands with a first word in common are about. */
export const commandGroups: Readonly<Record<string, string>> = {
  schedule: "start a job again and again on a Temporal server",
  jobs: "look at the jobs of a Temporal server, pause, resume, scale or cancel them",
  gpu: "make a GPU usable",
  task: "label, summarize, translate or question texts, row by row",
  models: "bring models here, list them, look into one",
  config: "show the settings, describe them, write a file of them",
};

/** Every command, in the order a newcomer needs them. */
export const commands: readonly CommandFacts[] = [
  {
    name: "index",
    parameters: "[source]",
    summary: "bring a store up to date with a folder, file, glob, s3:// place, or JSON lines on standard input (-)",
    settings: [
      ...places,
      ...collection,
      ...documents,
      ...model,
      ...encoding,
      "maxQuarantined",
      "keepVectors",
      ...fleet,
      ...watching,
      ...output,
    ],
    load: () => import("./commands/index.js"),
  },
  {
    name: "search",
    parameters: "<query>",
    summary: "find the passages nearest in meaning",
    settings: ["store", "qdrantTimeout", "top", "filter", "questionModel", "queryPrompt", ...model, ...output],
    defaults: { model: "by default the one that the store was filled with", dimensions: "those of the store" },
    load: () => import("./commands/search.js"),
  },
  {
    name: "ask",
    parameters: "<question>",
    summary: "answer a question from the passages of a store, and name them",
    settings: [
      "store",
      "qdrantTimeout",
      "top",
      "filter",
      "questionModel",
      "queryPrompt",
      "showContext",
      ...decoding,
      ...generator,
      ...output,
    ],
    defaults: { model: ofGenerator },
    load: () => import("./commands/ask.js"),
  },
  {
    name: "generate",
    parameters: "[prompts]",
    summary: "answer a file of prompts, each once however often it is interrupted, or one prompt",
    settings: [
      "prompt",
      "include",
      "exclude",
      "idField",
      "payloadFields",
      "template",
      "chat",
      "system",
      "maxObjectBytes",
      "numReturnSequences",
      "numBeams",
      "lengthPenalty",
      "earlyStopping",
      ...answering,
    ],
    defaults: { model: ofGenerator },
    load: () => import("./commands/generate.js"),
  },
  {
    name: "batch",
    parameters: "<requests>",
    summary: "answer a file of requests as OpenAI's batch API takes them: chat completions, completions, embeddings",
    settings: ["errors", "embeddingModel", "dimensions", ...answering],
    defaults: { model: ofGenerator },
    load: () => import("./commands/batch.js"),
  },
  ...taskCommands({ decoding, generator, fleet, watching, output }),
  {
    name: "ui",
    parameters: "",
    summary: "serve a page on this machine that searches the store, maps it, and follows jobs and their quarantine",
    settings: ["store", "qdrantTimeout", "work", ...page, "queryPrompt", ...temporal, ...model, ...output],
    defaults: { model: "by default the one that the store was filled with", dimensions: "those of the store" },
    load: () => import("./commands/ui.js"),
  },
  {
    name: "plan",
    parameters: "[source]",
    summary: "say what index would do, how long it would take and what it would cost; writes nothing",
    settings: [...places, "qdrantTimeout", ...documents, ...model, ...engine, "pricePerHour", ...output],
    load: () => import("./commands/plan.js"),
  },
  {
    name: "verify",
    parameters: "[job]",
    summary: "check that a job's store holds each planned point once, nothing else, and the vectors of its texts",
    settings: ["store", "qdrantTimeout", "work", "sample", ...model, ...engine, ...output],
    defaults: ofJob,
    load: () => import("./commands/verify.js"),
  },
  {
    name: "retry",
    parameters: "[job]",
    summary: "do again what is in a job's quarantine, and nothing else; whatever else changed is left to index",
    settings: ["store", "qdrantTimeout", "work", "maxQuarantined", ...model, ...encoding, ...watching, ...output],
    defaults: ofJob,
    load: () => import("./commands/retry.js"),
  },
  {
    name: "reindex",
    parameters: "[job]",
    summary:
      "fill a new generation of a job's store with other settings, check it, and let it answer in place of the one before",
    settings: [
      "store",
      "work",
      ...collection,
      ...documents.filter((key) => key !== "full" && key !== "allowEmpty"),
      ...model,
      ...encoding,
      "maxQuarantined",
      "keepVectors",
      "generation",
      "minRecall",
      "recallSample",
      "evalSet",
      "minNdcg",
      "queryPrompt",
      "sample",
      "keepGenerations",
      ...fleet,
      ...watching,
      ...output,
    ],
    defaults: ofReindex,
    load: () => import("./commands/reindex.js"),
  },
  {
    name: "rollback",
    parameters: "[job]",
    summary: "let the generation that answered before the last reindex answer again",
    settings: ["store", "work", "qdrantTimeout", "generation", ...output],
    defaults: { store: ofJob.store },
    load: () => import("./commands/rollback.js"),
  },
  {
    name: "load",
    parameters: "<vectors>",
    summary: "fill a store from the vectors that index --keep-vectors kept, without encoding; a folder or s3:// place",
    settings: ["store", "qdrantTimeout", ...output],
    defaults: { store: "must be given" },
    load: () => import("./commands/load.js"),
  },
  {
    name: "eval",
    parameters: "<folder>",
    summary: "measure retrieval on a BEIR folder: nDCG@10, recall@100, MRR@10, and speed",
    settings: [...model, "vectorPrecision", ...encoding, "maxTokens", "documentPrompt", "queryPrompt", ...output],
    load: () => import("./commands/eval.js"),
  },
  {
    name: "worker",
    parameters: "",
    summary: "take work from a Temporal server's queues until stopped; finishes what is under way",
    settings: [
      "queues",
      "concurrency",
      "deployment",
      "buildId",
      "qdrantTimeout",
      ...temporal,
      ...model,
      ...encoding,
      "batchRows",
      "batchTokens",
      "kvMemory",
      ...watching,
      ...output,
    ],
    defaults: { logFormat: "by default json" },
    isService: true,
    load: () => import("./commands/worker.js"),
  },
  {
    name: "jobs list",
    parameters: "",
    summary: "list the jobs of a Temporal server, newest first; all, or those of a corpus, a store, a status",
    settings: ["corpus", "store", "status", ...temporal, ...output],
    defaults: { store: "by default jobs of any store" },
    load: () => import("./commands/jobs-list.js"),
  },
  {
    name: "jobs show",
    parameters: "<job>",
    summary: "show one job: its state and what it has done so far",
    settings: [...temporal, ...output],
    load: () => import("./commands/jobs-show.js"),
  },
  {
    name: "jobs watch",
    parameters: "<job>",
    summary: "follow a job until it ends",
    settings: [...temporal, ...output],
    load: () => import("./commands/jobs-watch.js"),
  },
  {
    name: "jobs pause",
    parameters: "<job>",
    summary: "let a job finish what is under way and take no new work",
    settings: [...temporal, ...output],
    load: () => import("./commands/jobs-pause.js"),
  },
  {
    name: "jobs resume",
    parameters: "<job>",
    summary: "let a paused job go on",
    settings: [...temporal, ...output],
    load: () => import("./commands/jobs-resume.js"),
  },
  {
    name: "jobs scale",
    parameters: "<job>",
    summary: "change how many batches of a running job are under way at once",
    settings: ["inFlight", ...temporal, ...output],
    defaults: { inFlight: "must be given" },
    load: () => import("./commands/jobs-scale.js"),
  },
  {
    name: "jobs cancel",
    parameters: "<job>",
    summary: "end a job; what is done is kept, and the same command goes on from there",
    settings: [...temporal, ...output],
    load: () => import("./commands/jobs-cancel.js"),
  },
  {
    name: "schedule create",
    parameters: "<name> [source]",
    summary: "have an index job started by --cron or --every; a start is left out while the one before it runs",
    settings: [
      ...places,
      ...collection,
      ...documents,
      ...model,
      "keepVectors",
      "inFlight",
      "cron",
      "every",
      ...temporal,
      ...output,
    ],
    load: () => import("./commands/schedule-create.js"),
  },
  {
    name: "schedule list",
    parameters: "",
    summary: "list the schedules with their last and next start",
    settings: [...temporal, ...output],
    load: () => import("./commands/schedule-list.js"),
  },
  {
    name: "schedule trigger",
    parameters: "<name>",
    summary: "start a schedule's job now",
    settings: [...temporal, ...output],
    load: () => import("./commands/schedule-trigger.js"),
  },
  {
    name: "schedule pause",
    parameters: "<name>",
    summary: "let a schedule start nothing until it is resumed",
    settings: [...temporal, ...output],
    load: () => import("./commands/schedule-pause.js"),
  },
  {
    name: "schedule resume",
    parameters: "<name>",
    summary: "let a paused schedule go on",
    settings: [...temporal, ...output],
    load: () => import("./commands/schedule-resume.js"),
  },
  {
    name: "schedule delete",
    parameters: "<name>",
    summary: "delete a schedule; a job it has started goes on",
    settings: [...temporal, ...output],
    load: () => import("./commands/schedule-delete.js"),
  },
  {
    name: "models pull",
    parameters: "<model>",
    summary: "bring a model here: a directory, a hub id such as org/name@revision, or a known name",
    settings: [...model, ...output],
    load: () => import("./commands/models-pull.js"),
  },
  {
    name: "models list",
    parameters: "",
    summary: "list the models that are here",
    settings: ["modelsDirectory", "cacheDirectory", ...output],
    load: () => import("./commands/models-list.js"),
  },
  {
    name: "models inspect",
    parameters: "<model>",
    summary: "show a model's architecture, parameters, inputs, outputs, digests and compiled graph",
    settings: [...model, ...output],
    load: () => import("./commands/models-inspect.js"),
  },
  {
    name: "doctor",
    parameters: "",
    summary: "check this machine and the servers that the settings name: what is there, what is missing, what to do",
    settings: ["store", "qdrantTimeout", "work", "source", "on", ...temporal, "gpu", ...model, ...output],
    load: () => import("./commands/doctor.js"),
  },
  {
    name: "gpu install",
    parameters: "",
    summary: "bring ONNX Runtime's CUDA provider here, for --device cuda",
    settings: ["from", "cacheDirectory", "python", "offline", ...output],
    load: () => import("./commands/gpu-install.js"),
  },
  {
    name: "config show",
    parameters: "",
    summary: "show every setting's value and where it comes from",
    settings: output,
    load: () => import("./commands/config-show.js"),
  },
  {
    name: "config schema",
    parameters: "",
    summary: "print the JSON Schema of millrace.yaml",
    settings: output,
    load: () => import("./commands/config-schema.js"),
  },
  {
    name: "config init",
    parameters: "",
    summary: "write a commented millrace.yaml",
    settings: output,
    load: () => import("./commands/config-init.js"),
  },
];
