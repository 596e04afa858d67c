import { fileURLToPath } from "node:url";
import { MillraceError } from "@millrace/core";
import { bundleWorkflows, runWorkers } from "@millrace/workers";
import { encodeQueue, ioQueue, orchestrateQueue } from "@millrace/workflows";
import { madeUpModel, madeUpSteps } from "./made-up-steps.ts";

/**
 * `made-up-worker.mjs <json>`: a worker whose steps are made up, in a process of its own, since the native part of a worker
 * does not live in a test's realm. Says on stdout `ready`, then each step as it begins: the time, its name, the corpus. Of a
 * corpus called `write/E_STORE/2` the first two writes fail with that error.
 */
/** @type {import("./made-up-fleet.ts").MadeUpWorker} */
const {
  address,
  cacheDirectory,
  corpus,
  version,
  queues = ["orchestrate", "io", "encode"],
} = JSON.parse(process.argv[2] ?? "{}");
const bundlePath = await bundleWorkflows({
  workflowsPath: fileURLToPath(import.meta.resolve("@millrace/workflows/temporal")),
  cacheDirectory,
  isEncrypted: false,
});
const { encode, verify, judge, ...io } = madeUpSteps({
  ...corpus,
  onStep(name, of, earlier) {
    process.stdout.write(`${Date.now()} ${name} ${of}\n`);
    const [step, code, times] = of.split("/");
    if (name !== step) return;
    if (earlier < Number(times)) {
      throw new MillraceError(/** @type {import("@millrace/core").ErrorCode} */ (code), "made up");
    }
  },
});
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const all = [
  { part: "orchestrate", queue: orchestrateQueue, bundlePath },
  { part: "io", queue: ioQueue, stepsFor: () => io, atOnce: 4 },
  { part: "encode", queue: encodeQueue(madeUpModel, "cpu"), stepsFor: () => ({ encode, verify, judge }), atOnce: 4 },
];
await runWorkers({
  address,
  queues: all.filter(({ part }) => queues.includes(part)),
  ...(version === undefined ? {} : { version }),
  stop: stop.signal,
  graceMilliseconds: 5_000,
  onReady: () => void process.stdout.write("ready\n"),
});
