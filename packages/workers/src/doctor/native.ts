import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Finding } from "./finding.js";
import { reasonOf } from "./load-error.js";

const loadTimeoutMs = 30_000;

/** Prints what the binding is, or why it is not there. */
const script = `
  const { Runtime } = await import(process.argv[1]);
  const { version, library, description } = Runtime.isPresent() ? Runtime.open() : {};
  console.log(JSON.stringify({ version, library, description, why: Runtime.whyAbsent() }));`;

interface Answer {
  readonly version?: string;
  readonly library?: string;
  readonly description?: string;
  readonly why?: string;
}

/** Loads our own binding in a process of its own. That it is not there is no failure: models run without it. */
export async function findNativeBinding(): Promise<Finding> {
  const name = "native binding";
  const fix = "Models run without it, in more processes and memory: build it with cargo (npm run build)";
  try {
    const args = ["--input-type=module", "-e", script, import.meta.resolve("@millrace/native")];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: loadTimeoutMs });
    const { version, library, description, why }: Answer = JSON.parse(stdout);
    if (version === undefined) return { name, status: "warn", detail: why ?? "it is not there", fix };
    const build = /git-commit-id=(\w+)/.exec(description ?? "")?.[1] ?? "unknown";
    return { name, status: "ok", detail: `${version} over ${library}, build ${build}` };
  } catch (error) {
    return { name, status: "fail", detail: reasonOf(error), fix };
  }
}
