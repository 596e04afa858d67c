import { type GenerateJob, generateLayout, type TextsRef } from "@millrace/core";
import { openTextsFile, type TextRow } from "../arrow/texts-file.js";
import { getBlob } from "../blobs/json.js";
import { fromPlainError } from "../hosts/messages.js";
import type { GenerateContext } from "./context.js";

/** Writes a batch's answers as lines of the output. */
export async function writeAnswers({ blobs }: GenerateContext, job: GenerateJob, texts: TextsRef): Promise<void> {
  const rows = openTextsFile(await getBlob(blobs, texts));
  const lines = rows.map((row) => `${JSON.stringify(answerLine(row, job.sequences))}\n`);
  await blobs.put(generateLayout.answers(texts.shard, texts.index), Buffer.from(lines.join("")));
}

/** An answer as the output has it. */
function answerLine(row: TextRow, sequences: number): object {
  const { id, sequence, text, finishReason, promptTokens, generatedTokens, logprobs, payload, error } = row;
  const kept = Object.keys(payload).length === 0 ? {} : { payload };
  if (error !== undefined) return { id, error: { code: error.code, message: fromPlainError(error).message }, ...kept };
  return {
    id,
    ...(sequences > 1 && { sequence }),
    text,
    finish_reason: finishReason,
    prompt_tokens: promptTokens,
    generated_tokens: generatedTokens,
    ...(logprobs && { logprobs }),
    ...kept,
  };
}
