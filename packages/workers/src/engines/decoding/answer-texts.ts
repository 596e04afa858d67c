import type { Detokenizer } from "@millrace/core";
import type { Sequence } from "./sequence.js";

/**
 * Texts of what was generated, as they go on from their prompts: some tokenizers drop the space a text begins with, so the last
 * token of the prompt is made text too and taken away again.
 */
export async function answerTexts(rows: readonly Sequence[], detokenizer: Detokenizer): Promise<readonly string[]> {
  if (rows.length === 0) return [];
  const before = rows.map(({ promptIds }) => [promptIds.at(-1) as number]);
  const texts = await detokenizer.decode([
    ...before,
    ...rows.map(({ generated }, index) => [...(before[index] as number[]), ...generated]),
    ...rows.map(({ generated }) => generated),
  ]);
  return rows.map((_, index) => {
    const [head = "", whole = "", alone = ""] = [0, 1, 2].map((part) => texts[part * rows.length + index]);
    // Bytes of a character may lie on both sides of the seam.
    return whole.startsWith(head) && !head.endsWith("\ufffd") ? whole.slice(head.length) : alone;
  });
}
