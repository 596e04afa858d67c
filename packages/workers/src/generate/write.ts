import { basename } from "node:path";
import { type GenerateJob, generateLayout, type TextsRef } from "@millrace/core";
import { openTextsFile, type TextRow } from "../arrow/texts-file.js";
import { getBlob } from "../blobs/json.js";
import { fromPlainError } from "../hosts/messages.js";
import type { PromptContext } from "./context.js";
import { openAiLines } from "./openai-response.js";

/** Writes a batch's answers as lines of the output, and of the file of failures where there is one. */
export async function writeAnswers(
  { blobs, prompts }: PromptContext,
  job: GenerateJob,
  texts: TextsRef,
): Promise<void> {
  const rows = openTextsFile(await getBlob(blobs, texts));
  const { shard, index } = texts;
  if (job.format === "rows") {
    await blobs.put(generateLayout.answers(shard, index), lines(rows.map((row) => answerLine(row, job.sequences))));
    return;
  }
  const { responses, failures } = await openAiLines(rows, { model: basename(job.model.reference), prompts });
  await blobs.put(generateLayout.failures(shard, index), lines(failures));
  await blobs.put(generateLayout.answers(shard, index), lines(responses));
}

function lines(values: readonly object[]): Uint8Array {
  return Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}

/** An answer as the output has it. */
function answerLine(row: TextRow, sequences: number): object {
  const { id, sequence, text, finishReason, promptTokens, generatedTokens, logprobs, score, payload, error } = row;
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
    ...(score !== undefined && { score }),
    ...kept,
  };
}
