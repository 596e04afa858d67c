import type { CompiledClassifier } from "@millrace/compiler";
import { type Document, type Json, MillraceError } from "@millrace/core";
import type { Pair, TextWindow } from "../tokenize/windows.js";
import { findAnswers } from "./answers.js";
import { findEntities } from "./entities.js";
import { entailmentPlaces, scoreHypotheses, scoreLabels } from "./labels.js";

/** What a model with a head can be asked of each row. */
export const taskNames = ["classify", "ner", "answer"] as const;
export type TaskName = (typeof taskNames)[number];

/** Each task's `ClassifierTask`. */
const headOf = {
  answer: "QuestionAnswering",
  classify: "SequenceClassification",
  ner: "TokenClassification",
} as const satisfies Record<TaskName, CompiledClassifier["task"]>;

export interface TaskOptions {
  /** Labels, or answers, to give of each row; all labels where nothing is said. */
  readonly top: number;
  /** Labels to try by entailment, in place of those that the model was trained with. */
  readonly labels: readonly string[];
  /** What is said of a text that a label fits; `{}` stands for the label. */
  readonly hypothesis: string;
  /** Whether any number of `labels` may fit, or one does. */
  readonly isMultiLabel: boolean;
  readonly maxAnswerTokens: number;
  readonly allowsNoAnswer: boolean;
}

/** A window of one of a row's pairs, and what the model makes of it. */
export interface SeenWindow {
  readonly window: TextWindow;
  readonly logits: Float32Array;
}

/** What is done with each row: which texts the model sees of it, and what its logits mean. Decides, does nothing. */
export interface TextTask {
  /** The pair's text that is cut where it is too long. */
  readonly cutSide: 0 | 1;
  /** Whether all of a long text is seen, window by window, or its beginning alone. */
  readonly seesAll: boolean;
  /** Whether a row's text is that of its text fields; else `pairsOf` reads the row's own. */
  readonly readsText: boolean;
  /** What the model is to see of a row. @throws E_ROW_FIELD for a row without it */
  pairsOf(document: Document): readonly Pair[];
  /** The row's result. @param seen the windows of each pair */
  resultOf(pairs: readonly Pair[], seen: readonly (readonly SeenWindow[])[]): Readonly<Record<string, Json>>;
}

/** @throws E_USAGE where the model's head is for another task, E_CONFIG for labels that the model cannot try */
export function createTask(name: TaskName, model: CompiledClassifier, options: TaskOptions): TextTask {
  requireHead(name, model);
  if (name === "ner") return entitiesTask(model);
  if (name === "answer") return answersTask(options);
  return options.labels.length === 0 ? labelsTask(model, options) : hypothesesTask(model, options);
}

function requireHead(name: TaskName, { task, architecture }: CompiledClassifier): void {
  if (task === headOf[name]) return;
  const able = taskNames.find((known) => headOf[known] === task) ?? name;
  throw new MillraceError("E_USAGE", `the model is none for ${name}`, {
    why: `its ${architecture} has a head for ${task}, and ${name} needs one for ${headOf[name]}`,
    fix: `Use task ${able}, or name another model.`,
  });
}

function labelsTask({ labels, problem }: CompiledClassifier, { top }: TaskOptions): TextTask {
  return {
    cutSide: 0,
    seesAll: false,
    readsText: true,
    pairsOf: (document) => [[textOf(document)]],
    resultOf: (_, [windows = []]) => ({
      labels: scoreLabels(windows[0]?.logits ?? [], { labels, problem, top }).map(toJson),
    }),
  };
}

function hypothesesTask(model: CompiledClassifier, options: TaskOptions): TextTask {
  const { labels, hypothesis, isMultiLabel, top } = options;
  const meaning = { labels, isMultiLabel, top, ...entailmentPlaces(model.labels) };
  if (!hypothesis.includes("{}")) {
    throw new MillraceError("E_CONFIG", "the hypothesis is the same for every label", {
      why: `"${hypothesis}" has no {}`,
      fix: 'Let {} stand for the label, as in --hypothesis "This text is about {}."',
    });
  }
  return {
    cutSide: 0,
    seesAll: false,
    readsText: true,
    pairsOf: (document) => {
      const text = textOf(document);
      return labels.map((label) => [text, hypothesis.replace("{}", () => label)] as const);
    },
    resultOf: (_, seen) => ({
      labels: scoreHypotheses(
        seen.map((windows) => windows[0]?.logits ?? []),
        meaning,
      ).map(toJson),
    }),
  };
}

function entitiesTask({ labels }: CompiledClassifier): TextTask {
  return {
    cutSide: 0,
    seesAll: true,
    readsText: true,
    pairsOf: (document) => [[textOf(document)]],
    resultOf: ([pair], [windows = []]) => ({
      entities: findEntities(windows, labels).map(({ label, start, end, score }) => {
        return { label, text: pair?.[0].slice(start, end) ?? "", start, end, score };
      }),
    }),
  };
}

function answersTask({ top, maxAnswerTokens, allowsNoAnswer: allowsNone }: TaskOptions): TextTask {
  return {
    cutSide: 1,
    seesAll: true,
    readsText: false,
    pairsOf: (document) => [[fieldOf(document, "question"), fieldOf(document, "context")]],
    resultOf: ([pair], [windows = []]) => ({
      answers: findAnswers(windows, { top, maxAnswerTokens, allowsNone }).map(({ start, end, score }) => {
        return { text: pair?.[1]?.slice(start, end) ?? "", start, end, score };
      }),
    }),
  };
}

function toJson<Value extends object>(value: Value): { readonly [Name in keyof Value]: Value[Name] } {
  return { ...value };
}

function textOf({ text }: Document): string {
  if (text.trim() !== "") return text;
  throw new MillraceError("E_ROW_FIELD", "the row's text is empty", { fix: "Leave the row out." });
}

function fieldOf({ payload }: Document, name: "question" | "context"): string {
  const value = payload[name];
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new MillraceError("E_ROW_FIELD", `the row has no ${name}`, {
    why:
      value === undefined ? `its fields are ${Object.keys(payload).slice(0, 12).join(", ")}` : `it is ${shown(value)}`,
    fix: "Give each row the fields question and context, with text.",
  });
}

function shown(value: Json): string {
  return JSON.stringify(value).slice(0, 40);
}
