import { MillraceError } from "@millrace/core";
import type { PromptMaker, PromptText } from "./prompt-maker.js";

/** A passage that a question may be answered from. */
export interface Passage {
  /** Where it is from, as the reader is told. */
  readonly source: string;
  readonly text: string;
}

/** A question with those passages, best first, that fit into the model's context. */
export interface GroundedPrompt {
  readonly prompt: PromptText;
  readonly promptIds: Int32Array;
  readonly passages: readonly Passage[];
}

export interface GroundedQuestion {
  readonly question: string;
  /** Best first. */
  readonly passages: readonly Passage[];
  /** Tokens the prompt may have. */
  readonly budget: number;
  /** Whether the model has a template for messages. */
  readonly isChat: boolean;
}

const instructions =
  "Answer the question from the numbered passages alone, in a few sentences, and name the passages you used, such as [1]. " +
  "If they do not hold the answer, say so.";

/** Puts as many passages before a question as fit. @throws E_ROW_PROMPT where not even the best one does */
export async function groundedPrompt(
  maker: PromptMaker,
  { question, passages, budget, isChat }: GroundedQuestion,
): Promise<GroundedPrompt> {
  for (let count = passages.length; count > 0; count -= 1) {
    const chosen = passages.slice(0, count);
    const prompt = isChat ? maker.ofMessages(messagesOf(question, chosen)) : maker.ofText(plainText(question, chosen));
    const [promptIds = new Int32Array()] = await maker.encode([prompt]);
    if (promptIds.length <= budget) return { prompt, promptIds, passages: chosen };
  }
  throw new MillraceError("E_ROW_PROMPT", "the question cannot be answered", {
    why:
      passages.length === 0
        ? "no passage was found for it"
        : `not even the best passage fits into the ${budget} tokens the model has beside the answer`,
    fix:
      passages.length === 0
        ? "Ask otherwise, or index what holds the answer."
        : "Take a model of longer context, fewer --max-new-tokens, or an index of shorter chunks.",
  });
}

function messagesOf(question: string, passages: readonly Passage[]) {
  return [
    { role: "system", content: instructions },
    { role: "user", content: `${numbered(passages)}\n\nQuestion: ${question}` },
  ];
}

function plainText(question: string, passages: readonly Passage[]): string {
  return `${instructions}\n\n${numbered(passages)}\n\nQuestion: ${question}\nAnswer:`;
}

function numbered(passages: readonly Passage[]): string {
  return passages.map(({ text, source }, index) => `[${index + 1}] ${source}\n${text.trim()}`).join("\n\n");
}
