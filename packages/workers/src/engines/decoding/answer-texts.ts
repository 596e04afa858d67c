import type { Detokenizer } from "@millrace/core";
import type { Answer } from "./answer.js";

/**
 * Texts of answers as they go on from what is before them: some tokenizers drop the space a text begins with, so the token
 * before is made text too and taken away again.
 */
export async function answerTexts(
  answers: readonly Pick<Answer, "before" | "ids">[],
  detokenizer: Detokenizer,
): Promise<readonly string[]> {
  if (answers.length === 0) return [];
  const heads = answers.map(({ before }) => (before === undefined ? [] : [before]));
  const texts = await detokenizer.decode([
    ...heads,
    ...answers.map(({ ids }, index) => [...(heads[index] ?? []), ...ids]),
    ...answers.map(({ ids }) => ids),
  ]);
  return answers.map((_, index) => {
    const [head = "", whole = "", alone = ""] = [0, 1, 2].map((part) => texts[part * answers.length + index]);
    // Bytes of a character may lie on both sides of the seam.
    return whole.startsWith(head) && !head.endsWith("\ufffd") ? whole.slice(head.length) : alone;
  });
}
