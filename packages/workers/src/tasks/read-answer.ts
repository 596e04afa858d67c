import { type FinishReason, MillraceError, type Payload, type TokenLogprob, type WritingTask } from "@millrace/core";
import { type PlainError, toPlainError } from "../hosts/messages.js";

/** What a model generated. */
export interface GivenAnswer {
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly logprobs?: readonly TokenLogprob[] | undefined;
}

/** A task's result as JSON; of an answer that is none, its text and why. */
export type ReadAnswer = (answer: GivenAnswer) => { readonly text: string; readonly error?: PlainError };

/** Reads answers to one task, and repairs nothing. @throws E_CONFIG for a schema that is none */
export async function answerReader(task: WritingTask): Promise<ReadAnswer> {
  const resultOf = await resultReader(task);
  return (answer) => {
    try {
      return { text: JSON.stringify(resultOf(answer)) };
    } catch (error) {
      if (error instanceof MillraceError && error.code === "E_ROW_ANSWER")
        return { text: answer.text, error: toPlainError(error) };
      throw error;
    }
  };
}

/** @throws E_ROW_ANSWER */
async function resultReader(task: WritingTask): Promise<(answer: GivenAnswer) => Payload> {
  switch (task.name) {
    case "summarize":
      return (answer) => ({ summary: textOf(answer) });
    case "translate":
      return (answer) => ({ translation: textOf(answer) });
    case "answer":
      return (answer) => ({ answers: [{ text: textOf(answer) }] });
    case "classify":
      return (answer) => ({ labels: [{ label: labelOf(answer, task.labels), ...scoreOf(answer) }] });
    case "extract": {
      // The validator takes a tenth of a second to load, which no other command need wait for.
      const { objectReader } = await import("./read-object.js");
      const read = objectReader(task.schema ?? {});
      return (answer) => ({ fields: read(answer) });
    }
  }
}

function textOf({ text }: GivenAnswer): string {
  if (text.trim() !== "") return text.trim();
  throw new MillraceError("E_ROW_ANSWER", "the model's answer is empty");
}

/** The one label that the answer's first line is, if need be but for case, or for what stands around its words. */
function labelOf({ text }: GivenAnswer, labels: readonly string[]): string {
  const [line = ""] = text.trim().split("\n");
  for (const form of [(each: string) => each.trim(), (each: string) => each.trim().toLowerCase(), bare]) {
    const [label, ...others] = labels.filter((each) => form(each) === form(line) && form(line) !== "");
    if (label !== undefined && others.length === 0) return label;
  }
  throw new MillraceError("E_ROW_ANSWER", "the model's answer is none of the labels", {
    why: `it begins "${line.slice(0, 60)}"`,
  });
}

function bare(text: string): string {
  return text.toLowerCase().replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
}

/** Probability of the answer, token by token. */
function scoreOf({ logprobs }: GivenAnswer): { readonly score?: number } {
  if (logprobs === undefined) return {};
  return { score: Math.exp(logprobs.reduce((sum, { logprob }) => sum + logprob, 0)) };
}
