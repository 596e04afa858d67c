import type { ClassifierTask, CompiledClassifier } from "@millrace/compiler";
import { type JudgingTask, MillraceError, type Payload } from "@millrace/core";
import type { Pair, TextWindow } from "../tokenize/windows.js";
import { findAnswers } from "./answers.js";
import { findEntities } from "./entities.js";
import { entailmentPlaces, scoreHypotheses, scoreLabels } from "./labels.js";
import type { RowTexts } from "./texts-of-row.js";

/** Each task's head. */
const headOf = {
  answer: "QuestionAnswering",
  classify: "SequenceClassification",
  ner: "TokenClassification",
} as const satisfies Record<JudgingTask["name"], ClassifierTask>;

/** A window of one of a row's pairs, and what the model makes of it. */
export interface SeenWindow {
  readonly window: TextWindow;
  readonly logits: Float32Array;
}

/** What is done with each row: which texts the model sees of it, and what its logits mean. Decides, does nothing. */
export interface TextTask {
  /** The pair's text that is cut where it is too long. */
  readonly cutSide: 0 | 1;
  /** What the model is to see of a row. */
  pairsOf(texts: RowTexts): readonly Pair[];
  /** The row's result. @param seen the windows of each pair */
  resultOf(texts: RowTexts, seen: readonly (readonly SeenWindow[])[]): Payload;
}

/** @throws E_USAGE where the model's head is for another task, E_CONFIG for labels that the model cannot try */
export function createTask(model: CompiledClassifier, spec: JudgingTask): TextTask {
  requireHead(spec.name, model);
  if (spec.name === "ner") return entitiesTask(model);
  if (spec.name === "answer") return answersTask(spec);
  return spec.labels.length === 0 ? labelsTask(model, spec) : hypothesesTask(model, spec);
}

function requireHead(name: JudgingTask["name"], { task, architecture }: CompiledClassifier): void {
  if (task === headOf[name]) return;
  throw new MillraceError("E_USAGE", `the model is none for ${name}`, {
    why: `its ${architecture} has a head for ${task}, and ${name} needs one for ${headOf[name]}`,
    fix: `Use task ${taskOfHead(task)}, or name another model.`,
  });
}

/** The task that a head is for. */
export function taskOfHead(head: ClassifierTask): JudgingTask["name"] {
  if (head === "QuestionAnswering") return "answer";
  return head === "TokenClassification" ? "ner" : "classify";
}

/** Whether of a long text all is seen, in windows. */
export function seesAll(name: JudgingTask["name"]): boolean {
  return name !== "classify";
}

function labelsTask({ labels, problem }: CompiledClassifier, { top }: JudgingTask): TextTask {
  return {
    cutSide: 0,
    pairsOf: (texts) => [texts],
    resultOf: (_, [windows = []]) => ({
      labels: scoreLabels(windows[0]?.logits ?? [], { labels, problem, top }).map(toJson),
    }),
  };
}

function hypothesesTask(model: CompiledClassifier, options: JudgingTask): TextTask {
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
    pairsOf: ([text]) => labels.map((label) => [text, hypothesis.replace("{}", () => label)] as const),
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
    pairsOf: (texts) => [texts],
    resultOf: ([text], [windows = []]) => ({
      entities: findEntities(windows, labels).map(({ label, start, end, score }) => {
        return { label, text: text.slice(start, end), start, end, score };
      }),
    }),
  };
}

function answersTask({ top, maxAnswerTokens, allowsNoAnswer: allowsNone }: JudgingTask): TextTask {
  return {
    cutSide: 1,
    pairsOf: (texts) => [texts],
    resultOf: ([, context = ""], [windows = []]) => ({
      answers: findAnswers(windows, { top, maxAnswerTokens, allowsNone }).map(({ start, end, score }) => {
        return { text: context.slice(start, end), start, end, score };
      }),
    }),
  };
}

function toJson<Value extends object>(value: Value): { readonly [Name in keyof Value]: Value[Name] } {
  return { ...value };
}
