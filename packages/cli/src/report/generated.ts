import type { GenerateSummary } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { endDone, quarantineError } from "../ending.js";
import { formatCount, formatCountOf } from "./format.js";

/** What came of a generation job on a Temporal server. */
export interface GeneratedResult {
  readonly id: string;
  readonly summary: GenerateSummary;
  /** Where the answers are, as far as whoever watches knows. */
  readonly out?: string;
}

/** Says what a generation job did. @returns the process's exit code */
export function showGenerated(context: CommandContext, { id, summary, out }: GeneratedResult): number {
  const { say, settings } = context;
  const { rows, failed, promptTokens, generatedTokens, isUnchanged } = summary;
  say(`prompts    ${formatCount(rows)}${failed > 0 ? `, ${formatCount(failed)} without an answer` : ""}`);
  say(`generated  ${formatCountOf(generatedTokens, "token")} to prompts of ${formatCount(promptTokens)}`);
  if (out !== undefined && isUnchanged) say(`answers    ${out}, as they were`);
  const error = quarantineError(failed, settings, {
    unit: "prompt",
    done: "answered",
    others: "the others are answered",
    fix: "Each one's reason is in its line of the output, or of a batch's file of errors.",
  });
  return endDone(context, error, { job: id, ...summary, ...(out !== undefined && { out }) });
}
