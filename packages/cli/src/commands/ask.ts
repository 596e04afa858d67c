import type { SearchHit } from "@millrace/core";
import { requireModel } from "../answer-file.js";
import type { CommandContext } from "../command.js";
import { openAsk } from "../compose.js";
import { printable } from "../report/printable.js";

/** `millrace ask`: an answer to a question from the passages of a store. */
export async function run(context: CommandContext, [question = ""]: readonly string[]): Promise<number> {
  const { settings, say, print, reporter, stop } = context;
  requireModel(context);
  const open = await openAsk(settings, say);
  try {
    const { answer, prompt, sources, promptTokens } = await open.ask(question, stop);
    if (settings.json) {
      for (const [index, { score, record }] of sources.entries())
        reporter.event("source", { number: index + 1, score, ...record });
      reporter.event("result", {
        ok: true,
        exitCode: 0,
        answer: answer.text.trim(),
        finishReason: answer.finishReason,
        promptTokens,
        generatedTokens: answer.ids.length,
        ...(settings.showContext && { prompt }),
        ...open.open.generator.engine,
      });
      return 0;
    }
    if (settings.showContext) print(`${printable(prompt)}\n\n`);
    print(`${printable(answer.text.trim())}\n\n${sources.map(sourceLine).join("\n")}\n`);
    return 0;
  } finally {
    await open.close();
  }
}

function sourceLine({ score, record: { path, document } }: SearchHit, index: number): string {
  const place = [path, ...(document === "" ? [] : [document])].join("#");
  return printable(`[${index + 1}] ${score.toFixed(3)}  ${place}`);
}
