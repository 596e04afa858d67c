import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { MillraceError } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { initialConfig } from "../config/initial.js";
import { configFileName } from "../config.js";

/** `millrace config init`: writes a commented millrace.yaml, never over one that is there. */
export async function run({ say, reporter }: CommandContext): Promise<number> {
  const path = resolve(configFileName);
  try {
    await writeFile(path, initialConfig(), { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new MillraceError("E_USAGE", `${configFileName} is there already`, {
      why: path,
      fix: "Edit it, or move it away.",
    });
  }
  say(`wrote ${path}; every setting is in it, commented out`);
  reporter.event("result", { ok: true, exitCode: 0, path });
  return 0;
}
