import { readFile } from "node:fs/promises";
import { MillraceError, type PromptSpec } from "@millrace/core";
import type { Settings } from "../config/settings.js";

/** How settings say that prompts are made. */
export async function promptSpecOf(settings: Settings): Promise<PromptSpec> {
  const { idField, template, chat, system, payloadFields } = settings;
  return {
    ...(idField === undefined ? {} : { id: idField }),
    ...(template === undefined ? {} : { template: await templateText(template) }),
    isChat: chat || system !== undefined,
    ...(system === undefined ? {} : { system }),
    payload: payloadFields,
  };
}

async function templateText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new MillraceError("E_CONFIG", `the template ${path} cannot be read`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Name a file with a Jinja template.",
      cause,
    });
  }
}
