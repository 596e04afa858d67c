import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where a real all-MiniLM-L6-v2 lies on this machine: MILLRACE_TEST_MODEL, or the folder `millrace` keeps models in.
 * Undefined, with one line on stderr, where there is none: tests that need it are skipped.
 */
export function minilmDirectory(): string | undefined {
  // biome-ignore lint/suspicious/noUndeclaredEnvVars: says where a model lies, which no build depends on
  const places = [process.env.MILLRACE_TEST_MODEL, join(homedir(), ".cache/millrace/models/all-MiniLM-L6-v2")];
  const found = places.find((place) => place !== undefined && existsSync(join(place, "config.json")));
  if (found === undefined)
    process.stderr.write("skipped: no all-MiniLM-L6-v2 here; name its directory in MILLRACE_TEST_MODEL\n");
  return found;
}
