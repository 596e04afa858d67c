import type { GeneratedRow } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { openGenerator, promptSpecOf } from "../compose.js";
import { printable } from "../report/printable.js";

/** Answers one prompt on standard output. */
export async function runPrompt(
  { settings, say, print, reporter, stop }: CommandContext,
  text: string,
): Promise<number> {
  const open = await openGenerator({ settings, say, spec: await promptSpecOf(settings) });
  try {
    const [promptIds = new Int32Array()] = await open.prompts.encode([open.prompts.ofText(text)]);
    const { generator, decoding } = open;
    const length = decoding.beams === undefined ? settings.numReturnSequences : 1;
    const answers = Array.from({ length }, (_, sequence) =>
      generator.generate({ promptIds, decoding, sequence }, stop),
    );
    const rows = (await Promise.all(answers)).flatMap((row) => [row, ...(row.alternatives ?? [])]);
    for (const [sequence, row] of rows.entries()) reporter.event("answer", describe(row, sequence));
    reporter.event("result", {
      ok: true,
      exitCode: 0,
      promptTokens: promptIds.length,
      generatedTokens: rows.reduce((sum, { ids }) => sum + ids.length, 0),
      ...open.generator.engine,
    });
    if (!settings.json) print(`${rows.map(({ text: answer }) => printable(answer)).join("\n---\n")}\n`);
    return 0;
  } finally {
    await open.close();
  }
}

function describe({ text, ids, finishReason, logprobs, score }: GeneratedRow, sequence: number) {
  const sure = { ...(logprobs && { logprobs }), ...(score !== undefined && { score }) };
  return { sequence, text, finishReason, generatedTokens: ids.length, ...sure };
}
