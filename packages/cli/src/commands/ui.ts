import { once } from "node:events";
import type { CommandContext } from "../command.js";
import { openPage } from "../compose.js";
import { isLoopback } from "../ui/guard.js";
import { servePage } from "../ui/server.js";

/** `millrace ui`: serves the page until it is stopped. */
export async function run({ settings, loaded, say, warn, print, reporter, stop }: CommandContext): Promise<number> {
  const { host, port } = settings;
  const reference = loaded.origins.model === "default" ? undefined : settings.model;
  const parts = openPage(settings, reference, say);
  const server = await servePage(parts, { host, port });
  try {
    if (!isLoopback(host)) warn(`whoever reaches ${host} can read the store: the page asks nobody for a password`);
    if (settings.json) reporter.event("listening", { url: server.url });
    else print(`${server.url}\n`);
    say("Ctrl-C ends it");
    if (!stop.aborted) await once(stop, "abort");
    reporter.event("result", { ok: true, exitCode: 0 });
    return 0;
  } finally {
    await server.close();
    await parts.close();
  }
}
