import { existsSync } from "node:fs";
import { join } from "node:path";
import axe, { type AxeResults } from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { browserFolder } from "../../scripts/bring-services.mjs";

const program = join(browserFolder(), "chromium");

/** False where no browser could be brought: tests then skip. */
export const hasBrowser = existsSync(program);

/** Starts a real Chromium without a window. */
export async function startBrowser(): Promise<Browser> {
  const { PATH = "", HOME = "" } = process.env;
  // Its fonts lie where fontconfig looks for those of the user.
  const env = { PATH, HOME, XDG_DATA_HOME: browserFolder() };
  return chromium.launch({ executablePath: program, args: ["--no-sandbox"], env });
}

/** What must not happen on a page: scripts of others, errors, anything the policy refuses. */
export async function watchPage(page: Page): Promise<readonly string[]> {
  const seen: string[] = [];
  page.on("pageerror", ({ message }) => void seen.push(message));
  page.on("console", (message) => void (message.type() === "error" && seen.push(message.text())));
  page.on("dialog", (dialog) => {
    seen.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return seen;
}

/** The rules of accessibility that the page breaks, each with the first place where it does. */
export async function brokenAccessRules(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
}
