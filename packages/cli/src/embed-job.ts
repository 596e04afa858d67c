import type { Summary } from "@millrace/core";
import { createEmbeddedRuntime, embedCorpus, type Runtime } from "@millrace/workflows";
import { hostsAtWork, type OpenJob } from "./compose.js";
import type { Settings } from "./config/settings.js";
import type { Tally } from "./tally.js";

export interface EmbedOptions {
  readonly settings: Settings;
  readonly tally: Tally;
  readonly stop: AbortSignal;
}

/** Works a job off in this process. @throws Interrupted */
export function embedJob(open: OpenJob, options: EmbedOptions): Promise<Summary> {
  return embedCorpus(embeddedRuntime(open, options), open.job);
}

/** Runs a job in this process; the encoder starts only once there is something to encode. */
export function embeddedRuntime({ steps, encoder }: OpenJob, { settings, tally, stop }: EmbedOptions): Runtime {
  return createEmbeddedRuntime({
    steps,
    hosts: hostsAtWork(settings),
    stop,
    report: (progress) => {
      tally.take(progress);
      if (progress.kind === "planned" && progress.counts.bytes > 0) encoder.warm();
    },
  });
}
