import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Session } from "@millrace/native";

/**
 * `node victim.mjs GRAPH HOW MILLISECONDS` ends, in that way, after that time, while runs are under way. What it must not do
 * is crash.
 */
const [, , path = "", how = "", milliseconds = "0"] = isMainThread ? process.argv : ["", "", ...workerData];
const steps = { type: /** @type {const} */ ("int64"), dims: [], data: BigInt64Array.of(10_000_000n) };
const x = { type: /** @type {const} */ ("float32"), dims: [2, 48], data: new Float32Array(96).fill(1) };

async function begin() {
  const session = await Session.create(path, { lanes: 2 });
  for (let run = 0; run < 4; run += 1) session.run({ steps, x }).catch(() => {});
}

if (!isMainThread) {
  await begin();
  parentPort?.postMessage("running");
  if (how === "worker-exits") setTimeout(() => process.exit(0), Number(milliseconds));
} else if (how === "exit") {
  await begin();
  setTimeout(() => process.exit(0), Number(milliseconds));
} else if (how === "exit-while-loading") {
  for (let each = 0; each < 8; each += 1) begin().catch(() => {});
  setTimeout(() => process.exit(0), Number(milliseconds));
} else if (how === "throw") {
  await begin();
  process.exitCode = 0;
  process.on("uncaughtException", () => process.exit(0));
  setTimeout(() => {
    throw new Error("on purpose");
  }, Number(milliseconds));
} else {
  const worker = new Worker(new URL(import.meta.url), { workerData: [path, how, milliseconds] });
  worker.once("message", () => {
    if (how === "terminate") setTimeout(() => worker.terminate(), Number(milliseconds));
    if (how === "exit-beside-worker") setTimeout(() => process.exit(0), Number(milliseconds));
  });
}
