import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The all-MiniLM-L6-v2 model directory on this machine, if there is one; tests that need it skip otherwise. */
export function minilmDirectory(): string | undefined {
  const directory =
    process.env.MILLRACE_TEST_MODEL ?? join(homedir(), ".cache", "millrace", "models", "all-MiniLM-L6-v2");
  return existsSync(join(directory, "config.json")) ? directory : undefined;
}
