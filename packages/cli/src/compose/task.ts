import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type ClassifierTask, type CompiledClassifier, type CompiledGenerator, findHead } from "@millrace/compiler";
import {
  type JudgingTask,
  MillraceError,
  type Payload,
  type PromptSpec,
  type TaskName,
  type WritingTask,
} from "@millrace/core";
import {
  answerReader,
  compileClassifierInHost,
  createEncoderPool,
  createTask,
  isAboutText,
  loadWindowTokenizer,
  observeEngine,
  seesAll,
  taskOfHead,
  taskPrompt,
} from "@millrace/workers";
import type { SettingKey, Settings } from "../config/settings.js";
import type { LoadedSettings } from "../config.js";
import { answererOf, noGenerator, type OpenAnswerers } from "./answerers.js";
import {
  type BroughtGenerator,
  compileAt,
  type GeneratorSurroundings,
  type ModelPlace,
  openBrought,
  placeOf,
} from "./generator.js";
import { promptSpecOf } from "./prompt-spec.js";

/** A task, and which of its settings were given. */
export interface AskedTask {
  readonly name: TaskName;
  readonly origins: LoadedSettings["origins"];
}

type Surroundings = Omit<GeneratorSurroundings, "spec" | "defaults">;

/** Which model does a task follows from the model: one with a head for it judges, any other is asked in words. */
export async function openTask(request: Surroundings, asked: AskedTask): Promise<OpenAnswerers> {
  const { settings, say } = request;
  if (settings.device !== "cpu") {
    throw new MillraceError("E_DEVICE", "tasks are done on a processor only", { fix: "Use --device cpu." });
  }
  if (settings.payloadField !== undefined && settings.out?.startsWith("s3://")) {
    throw new MillraceError("E_USAGE", "results are put into a store from a file of this machine", {
      fix: "Name a file with --out.",
    });
  }
  const { reference, place } = await placeOf(settings, say);
  const head = await findHead(place);
  const { name } = asked;
  if (head !== undefined || name === "ner") return openJudge(request, asked, { reference, place, head });
  refuse(asked, ofJudges, "the model generates");
  return openWriter(request, name, await compileAt(settings, { reference, place }));
}

/** What only a model with a head, or only one that generates, can be told. */
const ofJudges = [
  "hypothesis",
  "multiLabel",
  "top",
  "maxAnswerTokens",
  "allowNoAnswer",
  "maxTokens",
  "overlap",
] as const;
const ofWriters = ["template", "system", "maxNewTokens", "temperature", "seed"] as const;

/** @throws E_USAGE for a setting that would be ignored */
function refuse({ origins, name }: AskedTask, keys: readonly SettingKey[], why: string): void {
  const given = keys.map((key) => origins[key]).find((origin) => origin.startsWith("flag "));
  if (given === undefined) return;
  throw new MillraceError("E_USAGE", `${given} has no meaning for task ${name} with this model`, {
    why,
    fix: "Leave it out, or name another model.",
  });
}

interface JudgePlace extends ModelPlace {
  readonly head: ClassifierTask | undefined;
}

async function openJudge(
  { settings, say, metrics }: Surroundings,
  asked: AskedTask,
  { reference, place, head }: JudgePlace,
): Promise<OpenAnswerers> {
  const name = judgedName(asked.name, head);
  refuse(asked, ofWriters, "it has a head, and generates nothing");
  const model = await compileClassifierInHost(place, { cacheDirectory: resolve(settings.cacheDirectory, "compiled") });
  const spec = judgingTask(name, { settings, origins: asked.origins, model });
  const task = createTask(model, spec);
  const tokenizer = await loadWindowTokenizer(model.tokenizerPath, {
    ...spec.window,
    cutSide: task.cutSide,
    hasSegments: model.hasSegments,
  });
  const encoder = await createEncoderPool({
    model: { ...model, dimensions: model.labels.length, isRowIndependent: true },
    ...(metrics && { observer: observeEngine(metrics, { device: settings.device }) }),
    hosts: settings.hosts,
    tokenBudget: settings.tokenBudget,
    onRestart: (reason) => say(`an encoder host ended (${reason}); its work is done again`),
  });
  say(`model      ${model.architecture}, which judges with its head`);
  return {
    spec: { ...(await promptSpecOf({ ...settings, chat: false, template: undefined })), text: settings.textField },
    task: spec,
    open: noGenerator({ reference, graph: model.graphDigest, precision: "fp32" }, encoder.engine),
    judge: { name, task, tokenizer, encoder },
  };
}

/** @throws E_USAGE for a task that asks for text */
function judgedName(name: TaskName, head: ClassifierTask | undefined): JudgingTask["name"] {
  if (name === "classify" || name === "ner" || name === "answer") return name;
  throw new MillraceError("E_USAGE", `the model is none for ${name}`, {
    why: "it judges texts, and writes none",
    fix: `Use task ${head === undefined ? "classify" : taskOfHead(head)}, or name a model that generates text.`,
  });
}

interface JudgeSettings {
  readonly settings: Settings;
  readonly origins: LoadedSettings["origins"];
  readonly model: CompiledClassifier;
}

function judgingTask(name: JudgingTask["name"], { settings, origins, model }: JudgeSettings): JudgingTask {
  const { labels, hypothesis, multiLabel: isMultiLabel, maxAnswerTokens, allowNoAnswer: allowsNoAnswer } = settings;
  const top = origins.top === "default" ? 1 : settings.top;
  const options = { top, labels, hypothesis, isMultiLabel, maxAnswerTokens, allowsNoAnswer };
  return { by: "head", name, ...options, window: windowOf(name, { settings, origins, model }) };
}

/** As transformers' pipelines cut texts where nothing else is said. */
const usualWindow = { tokens: 384, overlap: 128 };

/** Where only a text's beginning is seen, as much of it as the model takes. */
function windowOf(name: JudgingTask["name"], { settings, origins, model }: JudgeSettings): JudgingTask["window"] {
  if (!seesAll(name)) return { maxTokens: model.maxTokens, overlap: 0 };
  const maxTokens = Math.min(settings.maxTokens ?? usualWindow.tokens, model.maxTokens);
  const usualOverlap = Math.min(Math.floor(maxTokens / 2), usualWindow.overlap);
  return { maxTokens, overlap: origins.overlap === "default" ? usualOverlap : settings.overlap };
}

async function openWriter(
  request: Surroundings,
  name: WritingTask["name"],
  brought: BroughtGenerator,
): Promise<OpenAnswerers> {
  const { settings, say } = request;
  const { compiled } = brought;
  const task = await writingTask(name, settings);
  await answerReader(task);
  const { spec, defaults } = await wordedTask(task, settings, compiled);
  // An answer's probability is the label's.
  const decoding = name === "classify" ? { ...settings, logprobs: 0 } : settings;
  const open = await openBrought(brought, { ...request, settings: decoding, spec, defaults });
  say(`model      ${compiled.architecture}, which generates`);
  return { spec, task, open: answererOf(open) };
}

/** How the model is asked, and what it says of decoding for the task. */
async function wordedTask({ name, labels, schema }: WritingTask, settings: Settings, compiled: CompiledGenerator) {
  const { sourceLanguage: from, to, fields } = settings;
  const languages = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  const { taskParameters, chatTemplate, kind } = compiled;
  const model = { isChat: chatTemplate !== undefined, hasEncoder: kind === "encoder-decoder", taskParameters };
  const own = await promptSpecOf(settings);
  const { template, defaults } =
    own.template === undefined ? taskPrompt(name, model, languages) : { template: own.template, defaults: {} };
  const spec: PromptSpec = {
    ...own,
    isChat: model.isChat || own.isChat,
    template,
    ...(isAboutText(name) && { text: settings.textField }),
    task: { ...languages, labels, ...(schema && { schema }), ...(fields.length > 0 && { fields }) },
  };
  return { spec, defaults };
}

/** @throws E_USAGE where it is not said what to answer */
async function writingTask(name: WritingTask["name"], settings: Settings): Promise<WritingTask> {
  const { labels } = settings;
  const base = { by: "generator", name, labels } as const;
  if (name === "classify" && labels.length === 0) {
    throw new MillraceError("E_USAGE", "there are no labels", {
      why: "the model has no head for sequence classification, and a model that generates has no labels of its own",
      fix: "Name them with --labels.",
    });
  }
  return name === "extract" ? { ...base, schema: await schemaOf(settings) } : base;
}

async function schemaOf({ fields, schema: path }: Settings): Promise<Payload> {
  if ((fields.length === 0) === (path === undefined)) {
    throw new MillraceError("E_USAGE", "it must be said once what to extract", {
      fix: "Name fields with --fields, or a file with a JSON schema with --schema.",
    });
  }
  if (path !== undefined) return readSchema(path);
  const properties = Object.fromEntries(fields.map((field) => [field, {}]));
  return { type: "object", properties, required: fields, additionalProperties: false };
}

async function readSchema(path: string): Promise<Payload> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Payload;
    throw new Error("it is no JSON object");
  } catch (cause) {
    throw new MillraceError("E_CONFIG", `the schema ${path} cannot be read`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Name a file with a JSON schema.",
      cause,
    });
  }
}
