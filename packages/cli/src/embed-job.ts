import type { Summary } from "@millrace/core";
import { createEmbeddedRuntime, embedCorpus } from "@millrace/workflows";
import type { OpenJob } from "./compose.js";
import type { Settings } from "./config/settings.js";
import type { Tally } from "./tally.js";

export interface EmbedOptions {
  readonly settings: Settings;
  readonly tally: Tally;
  readonly stop: AbortSignal;
}

/** Works a job off in this process; the encoder starts only once there is something to encode. @throws Interrupted */
export function embedJob({ job, steps, encoder }: OpenJob, { settings, tally, stop }: EmbedOptions): Promise<Summary> {
  const runtime = createEmbeddedRuntime({
    steps,
    hosts: settings.hosts,
    stop,
    report: (progress) => {
      tally.take(progress);
      if (progress.kind === "planned" && progress.counts.bytes > 0) encoder.warm();
    },
  });
  return embedCorpus(runtime, job);
}
