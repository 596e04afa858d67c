import { resolve } from "node:path";
import { type CompiledClassifier, compileClassifier } from "@millrace/compiler";
import { type FieldMapping, MillraceError } from "@millrace/core";
import {
  createEncoderPool,
  createTask,
  loadWindowTokenizer,
  type Metrics,
  observeEngine,
  pullModel,
  type TaskContext,
  type TaskName,
  type TaskSummary,
  type TextTask,
  writeTask,
} from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import type { LoadedSettings } from "../config.js";
import { openLocation } from "./described-job.js";
import { modelStore, type Say } from "./model.js";

/** What is to be done with which rows. */
export interface TaskRequest {
  readonly name: TaskName;
  readonly settings: Settings;
  readonly origins: LoadedSettings["origins"];
  readonly location: string;
  readonly standardInput: AsyncIterable<Uint8Array>;
  readonly say: Say;
  /** When it fires, the work ends with its reason. */
  readonly stop: AbortSignal;
  /** Counts what is done, where somebody is to hear of it. */
  readonly metrics: Metrics | undefined;
}

/** A task with all it needs, opened. */
export interface OpenTask {
  readonly out: string;
  readonly architecture: string;
  run(onProgress: (summary: TaskSummary) => void): Promise<TaskSummary>;
  close(): Promise<void>;
}

/** Opens model and source, in the order in which they can fail without starting a process. */
export async function openTask(request: TaskRequest): Promise<OpenTask> {
  const { settings } = request;
  const { out } = settings;
  if (out === undefined) {
    throw new MillraceError("E_USAGE", "there is no place for the results", { fix: "Name a file with --out." });
  }
  if (settings.device !== "cpu") {
    throw new MillraceError("E_DEVICE", "texts are labelled on a processor only", { fix: "Use --device cpu." });
  }
  const model = await bringClassifier(request);
  const task = createTask(request.name, model, optionsOf(request));
  const tokenizer = await loadWindowTokenizer(model.tokenizerPath, {
    ...windowsOf(request, model, task),
    cutSide: task.cutSide,
    hasSegments: model.hasSegments,
  });
  const opened = await openLocation({ ...request, onTokens: () => {} }, settings.work);
  try {
    const encoder = await openPool(model, request);
    const context: TaskContext = {
      source: opened.source,
      fields: fieldsOf(settings, task),
      kept: settings.payloadFields,
      limits: { maxRowBytes: settings.maxRowBytes, maxObjectBytes: settings.maxObjectBytes },
      task,
      tokenizer,
      encoder,
      stop: request.stop,
    };
    return {
      out,
      architecture: model.architecture,
      run: (onProgress) => writeTask(context, out, onProgress),
      close: async () => {
        await encoder.close();
        await opened.discard();
      },
    };
  } catch (error) {
    await opened.discard();
    throw error;
  }
}

async function bringClassifier({ settings, say }: TaskRequest): Promise<CompiledClassifier> {
  const installed = await pullModel(settings.model, modelStore(settings, say));
  return compileClassifier(installed.directory, { cacheDirectory: resolve(settings.cacheDirectory, "compiled") });
}

function optionsOf({ settings, origins }: TaskRequest) {
  const { labels, hypothesis, multiLabel, maxAnswerTokens, allowNoAnswer } = settings;
  const top = origins.top === "default" ? 1 : settings.top;
  return { labels, hypothesis, isMultiLabel: multiLabel, top, maxAnswerTokens, allowsNoAnswer: allowNoAnswer };
}

/** As transformers' pipelines cut texts where nothing else is said. */
const usualWindow = { tokens: 384, overlap: 128 };

/** Where only a text's beginning is seen, as much of it as the model takes. */
function windowsOf({ settings, origins }: TaskRequest, { maxTokens: limit }: CompiledClassifier, task: TextTask) {
  if (!task.seesAll) return { maxTokens: limit, overlap: 0 };
  const maxTokens = Math.min(settings.maxTokens ?? usualWindow.tokens, limit);
  const usualOverlap = Math.min(Math.floor(maxTokens / 2), usualWindow.overlap);
  return { maxTokens, overlap: origins.overlap === "default" ? usualOverlap : settings.overlap };
}

function fieldsOf({ idField, textField, payloadFields }: Settings, { readsText }: TextTask): FieldMapping {
  const id = idField === undefined ? {} : { id: idField };
  return readsText
    ? { ...id, text: textField, payload: payloadFields }
    : { ...id, text: [], isTextOptional: true, payload: ["*"] };
}

function openPool(model: CompiledClassifier, { settings, say, metrics }: TaskRequest) {
  return createEncoderPool({
    model: { ...model, dimensions: model.labels.length, isRowIndependent: true },
    ...(metrics && { observer: observeEngine(metrics, { device: settings.device }) }),
    hosts: settings.hosts,
    tokenBudget: settings.tokenBudget,
    onRestart: (reason) => say(`an encoder host ended (${reason}); its work is done again`),
  });
}
