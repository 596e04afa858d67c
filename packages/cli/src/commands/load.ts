import { MillraceError } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { loadStore } from "../compose.js";
import { endInterrupted } from "../ending.js";
import { formatCountOf, formatDuration } from "../report/format.js";

const millisecondsBetweenLines = 10_000;

/** `millrace load`: fills a store from vectors that were kept, without a model. */
export async function run(context: CommandContext, [place = ""]: readonly string[]): Promise<number> {
  const { settings, loaded, say, stop, reporter } = context;
  if (place === "") throw new MillraceError("E_USAGE", "there is nothing to load", { fix: "Name a folder." });
  if (loaded.origins.store === "default")
    throw new MillraceError("E_USAGE", "load needs a store to fill", { fix: "Say with --store which one." });
  const startedAt = performance.now();
  let saidAt = startedAt;
  const onProgress = ({ files = 0, points = 0 }: { readonly [what: string]: number }) => {
    if (performance.now() - saidAt < millisecondsBetweenLines) return;
    saidAt = performance.now();
    say(`loading    ${formatCountOf(points, "point")} from ${formatCountOf(files, "file")}`);
  };
  try {
    const { points, files } = await loadStore(settings, place, { signal: stop, onProgress });
    const milliseconds = performance.now() - startedAt;
    say(
      `store      ${settings.store}: ${formatCountOf(points, "point")} written from ${formatCountOf(files, "file")}, in ${formatDuration(milliseconds)}`,
    );
    reporter.event("result", { ok: true, exitCode: 0, points, files, seconds: milliseconds / 1000 });
    return 0;
  } catch (error) {
    if (!stop.aborted) throw error;
    return endInterrupted(context, `stopped. Run again to load all of it:\n  ${context.commandLine}`);
  }
}
