import type { SearchHit } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { openSearch } from "../compose.js";
import { printable } from "../report/printable.js";

/** `millrace search`: the passages nearest in meaning to a query. */
export async function run(context: CommandContext, [query = ""]: readonly string[]): Promise<number> {
  const { settings, loaded, say, print, reporter } = context;
  const reference = loaded.origins.model === "default" ? undefined : settings.model;
  const store = await openSearch(settings, reference, say);
  try {
    const hits = await store.find(query, { top: settings.top, filters: settings.filter });
    if (settings.json) {
      for (const hit of hits) reporter.event("hit", describeHit(hit));
      reporter.event("result", { ok: true, exitCode: 0, hits: hits.length, ...store.engine });
    } else if (hits.length === 0) say("nothing found");
    else print(`${printable(hits.map(formatHit).join("\n\n"))}\n`);
    return 0;
  } finally {
    await store.close();
  }
}

function describeHit({ score, record }: SearchHit) {
  return { score, ...record };
}

const excerptLength = 320;

function formatHit({ score, record }: SearchHit): string {
  const { path, document, title, headings, text } = record;
  const place = [path.replaceAll("\n", "\ufffd"), ...(document === "" ? [] : [document])].join("#");
  const heading = [title, ...headings].filter((part, index, all) => part !== "" && all.indexOf(part) === index);
  const excerpt = text.replaceAll(/\s+/g, " ").trim();
  const shown = excerpt.length > excerptLength ? `${excerpt.slice(0, excerptLength).trimEnd()}…` : excerpt;
  return [`${score.toFixed(3)}  ${place}`, ...(heading.length > 0 ? [heading.join(" › ")] : []), shown].join(
    "\n       ",
  );
}
