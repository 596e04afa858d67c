import { MillraceError } from "@millrace/core";
import { largest, sigmoid, softmax } from "./probabilities.js";

/** A label and how likely it is, 0 to 1; of a model that gives values (regression), the value. */
export interface ScoredLabel {
  readonly label: string;
  readonly score: number;
}

/** What logits of a text mean. */
export interface LabelMeaning {
  readonly labels: readonly string[];
  /** transformers' `problem_type`. */
  readonly problem?: string | undefined;
  /** Labels to give. */
  readonly top: number;
}

/** The likeliest labels of a text, likeliest first: as transformers' TextClassificationPipeline scores them. */
export function scoreLabels(logits: ArrayLike<number>, { labels, problem, top }: LabelMeaning): readonly ScoredLabel[] {
  return ranked(labels, scoresOf(logits, problem), top);
}

function scoresOf(logits: ArrayLike<number>, problem: string | undefined): readonly number[] {
  if (problem === "regression") return Array.from(logits);
  const isEachForItself = problem === "multi_label_classification" || logits.length === 1;
  return isEachForItself ? Array.from(logits, sigmoid) : softmax(logits);
}

function ranked(labels: readonly string[], scores: readonly number[], top: number): readonly ScoredLabel[] {
  return largest(scores, top).map((index) => ({ label: labels[index] ?? "", score: scores[index] ?? 0 }));
}

/** Which logits of a model say that a text implies another one, or that the two cannot both be so. */
export interface EntailmentPlaces {
  readonly entailment: number;
  readonly contradiction: number;
}

/**
 * As transformers' ZeroShotClassificationPipeline finds them: entailment by its name, contradiction at the other end.
 * @throws E_CONFIG where no label is named so
 */
export function entailmentPlaces(labels: readonly string[]): EntailmentPlaces {
  const entailment = labels.findIndex((label) => label.toLowerCase().startsWith("entail"));
  if (entailment >= 0) return { entailment, contradiction: entailment === 0 ? labels.length - 1 : 0 };
  throw new MillraceError("E_CONFIG", "the model cannot try labels that it was not trained with", {
    why: `none of its labels is entailment: ${labels.slice(0, 12).join(", ")}`,
    fix: "Leave --labels out, or name a model that was trained on natural language inference.",
  });
}

/** What logits of a text with each label's hypothesis mean. */
export interface HypothesisMeaning extends EntailmentPlaces {
  readonly labels: readonly string[];
  /** Whether any number of labels may fit, or one does. */
  readonly isMultiLabel: boolean;
  readonly top: number;
}

/**
 * The likeliest of any labels, as transformers' ZeroShotClassificationPipeline scores them.
 * @param logits of the text with each label's hypothesis, in the labels' order
 */
export function scoreHypotheses(
  logits: readonly ArrayLike<number>[],
  { labels, isMultiLabel, top, entailment, contradiction }: HypothesisMeaning,
): readonly ScoredLabel[] {
  const at = (each: ArrayLike<number>, place: number) => each[place] ?? Number.NEGATIVE_INFINITY;
  const isEachForItself = isMultiLabel || labels.length === 1;
  const scores = isEachForItself
    ? logits.map((each) => softmax([at(each, contradiction), at(each, entailment)])[1] ?? 0)
    : softmax(logits.map((each) => at(each, entailment)));
  return ranked(labels, scores, top);
}
