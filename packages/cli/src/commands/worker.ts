import type { BatchRef } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { openMetrics, runWorker } from "../compose.js";

/** `millrace worker`: takes part in the jobs of a Temporal server until it is stopped. */
export async function run({ settings, say, stop, reporter, log, redact }: CommandContext): Promise<number> {
  const onBatch = ({ shard, index, chunks, tokens }: BatchRef) => {
    reporter.event("encoding", { shard, batch: index, chunks, tokens });
  };
  const watching = await openMetrics(settings, say);
  try {
    await runWorker({ settings, say, onBatch, watching, log, redact, stop });
    say("stopped; nothing was under way any more");
    await watching?.push("worker");
  } finally {
    await watching?.close();
  }
  return 0;
}
