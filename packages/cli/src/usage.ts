import { MillraceError } from "@millrace/core";
import type { CommanderError } from "commander";

/**
 * What commander found wrong with a command line, as an error of the product: commander's own has its advice on lines of
 * their own. What was no mistake, such as --help, stays as it is. @param command the command's name, "" for the program
 */
export function usageError(error: CommanderError, command: string): Error {
  if (error.exitCode === 0) return error;
  const name = `millrace ${command}`.trim();
  if (error.code === "commander.help") {
    return new MillraceError("E_USAGE", `${name} needs a command`, { fix: "Name one of those above." });
  }
  const [what = "", ...advice] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = advice.join(" ").replaceAll(/^\(|\)$/g, "");
  const help = `${name} --help lists ${command === "" ? "the commands" : "what can be given"}.`;
  const fix = suggestion === "" ? help : `${suggestion} ${help}`;
  return new MillraceError("E_USAGE", what.replace(/\.$/, ""), { fix });
}
