import { run } from "./command-line.ts";

/** A line of `doctor --json`. */
export interface FoundLine {
  readonly status: string;
  readonly detail: string;
  readonly fix?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** What `doctor` finds, by the first word of its name, with the exit code and the time it took. */
export async function examine(
  args: readonly string[],
  options: { readonly cwd: string; readonly environment: Readonly<Record<string, string>> },
) {
  const startedAt = performance.now();
  const { code, stdout } = await run(["doctor", "--json", ...args], options);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as FoundLine & { readonly name: string });
  const found = new Map(lines.slice(0, -1).map(({ name, ...line }) => [name.split(" ")[0] as string, line]));
  return { code, found, milliseconds: performance.now() - startedAt };
}
