import type { Steps } from "@millrace/core";
import { Interrupted, type Progress, type Runtime } from "../runtime.js";

export interface EmbeddedRuntimeOptions {
  readonly steps: Steps;
  /** Encoder hosts: the batch window follows their number, so that a killed process redoes at most one batch per host. */
  readonly hosts: number;
  /** When it fires, what is under way is finished and the job ends with `Interrupted`. */
  readonly stop?: AbortSignal;
  readonly report?: (progress: Progress) => void;
}

/** Runs a job in this process; its journal is the work folder. */
export function createEmbeddedRuntime({ steps, hosts, stop, report }: EmbeddedRuntimeOptions): Runtime {
  return {
    steps,
    windows: { shards: 2, encodes: Math.max(2, hosts), batchesPerEncode: 1 },
    async checkpoint() {
      if (stop?.aborted) throw new Interrupted("stopped before all was done");
    },
    wantsRest: () => false,
    report: report ?? (() => {}),
  };
}
