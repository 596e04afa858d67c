import { styleText } from "node:util";
import type { CommandContext } from "../command.js";
import { examineMachine } from "../compose.js";

const styles = { ok: "green", warn: "yellow", fail: "red" } as const;

/** `millrace doctor`: what this machine has, lacks, and what to do about it. */
export async function run({ settings, print, reporter }: CommandContext): Promise<number> {
  const findings = await examineMachine(settings);
  const hasFailed = findings.some(({ status }) => status === "fail");
  const exitCode = hasFailed ? 4 : 0;
  if (settings.json) {
    for (const finding of findings) reporter.event("finding", finding);
    reporter.event("result", { ok: !hasFailed, exitCode });
    return exitCode;
  }
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const { name, status, detail, fix } of findings) {
    const mark = styleText(styles[status], status.padEnd(4), { stream: process.stdout });
    print(`${mark}  ${name.padEnd(width)}  ${detail}${fix === undefined ? "" : ` — ${fix}`}\n`);
  }
  return exitCode;
}
