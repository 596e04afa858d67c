import { MillraceError } from "@millrace/core";
import type { PromptRow } from "../arrow/prompt-file.js";
import { encodeTexts } from "../engines/encode-texts.js";
import type { AnswerContext } from "./context.js";
import type { JournalEntry } from "./journal.js";

/** Vectors of a row's texts, as JSON: numbers, or the base64 of their bytes. @throws E_ROW_PROMPT */
export async function embedded(
  { encoding }: AnswerContext,
  { prompt, wishes }: PromptRow,
): Promise<Pick<JournalEntry, "text" | "promptTokens">> {
  if (encoding === undefined) {
    throw new MillraceError("E_ROW_PROMPT", "the request wants vectors, and there is no model for them", {
      fix: "Name one with --embedding-model.",
    });
  }
  const texts = JSON.parse(prompt) as readonly string[];
  const counts = await encoding.tokenizer.count(texts);
  const empty = counts.indexOf(0);
  if (empty >= 0) throw new MillraceError("E_ROW_PROMPT", `text ${empty + 1} of the request's input has no word`);
  const vectors = await encodeTexts(texts, encoding);
  const { dimensions, maxTokens } = encoding.encoder;
  const rows = texts.map((_, row) => vectors.slice(row * dimensions, (row + 1) * dimensions));
  const shown = rows.map((row) => (wishes?.isBase64 ? Buffer.from(row.buffer).toString("base64") : [...row]));
  const taken = (count: number) => Math.min(maxTokens, count + encoding.tokenizer.specialTokens);
  return { text: JSON.stringify(shown), promptTokens: counts.reduce((sum, count) => sum + taken(count), 0) };
}
