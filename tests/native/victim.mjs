import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Session } from "@millrace/native";

/**
 * @typedef {{ how: string, milliseconds: number }} Ending
 * `node victim.mjs GRAPH ENDINGS` begins runs and ends, in the middle of them, a worker for each ending but the last, which
 * is the process's own. What it must not do is crash.
 */
const [path, endings] = /** @type {[string, readonly Ending[]]} */ (
  isMainThread ? [process.argv[2], JSON.parse(process.argv[3] ?? "[]")] : workerData
);
const steps = { type: /** @type {const} */ ("int64"), dims: [], data: BigInt64Array.of(10_000_000n) };
const x = { type: /** @type {const} */ ("float32"), dims: [2, 48], data: new Float32Array(96).fill(1) };

/** Runs with copies and in buffers, and copies between buffers, more than there are lanes. */
async function begin() {
  const session = await Session.create(path, { lanes: 2 });
  for (let run = 0; run < 3; run += 1) session.run({ steps, x }).catch(() => {});
  const arena = session.createBuffer("float32", [3, 2, 48]);
  const count = session.createBuffer("int64", []);
  count.write(steps.data);
  const binding = session
    .createBinding()
    .bindInput("steps", count)
    .bindInput("x", arena.view(0, [2, 48]));
  const bound = binding.bindOutput("y", arena.view(96, [2, 48])).run();
  const copied = arena.view(192, [96]).readAsync();
  for (const promise of [bound, copied]) promise.catch(() => {});
}

/** @param {Ending} ending */
async function end({ how, milliseconds }) {
  if (how === "while loading") for (let each = 0; each < 8; each += 1) begin().catch(() => {});
  else await begin();
  if (how === "terminated") parentPort?.postMessage("running");
  setTimeout(() => {
    if (how === "throws") throw new Error("on purpose");
    if (how !== "terminated") process.exit(0);
  }, milliseconds);
}

/** Resolves when the worker has ended. @param {Ending} ending @param {Worker} worker */
function endOf({ how, milliseconds }, worker) {
  return new Promise((resolve) => {
    worker.once("exit", resolve);
    worker.on("error", ({ message }) => {
      if (message !== "on purpose") throw new Error(message);
    });
    worker.once("message", () => setTimeout(() => worker.terminate(), milliseconds));
    if (how === "terminated early") setTimeout(() => worker.terminate(), milliseconds);
  });
}

/** @param {Ending} ending */
const startWorker = (ending) => new Worker(new URL(import.meta.url), { workerData: [path, [ending]] });

if (isMainThread) {
  const own = /** @type {Ending} */ (endings.at(-1));
  const workers = [...endings.slice(0, -1)];
  const inTurn = async () => {
    for (let next = workers.pop(); next !== undefined; next = workers.pop()) await endOf(next, startWorker(next));
  };
  await Promise.all([inTurn(), inTurn()]);
  process.stdout.write(String(endings.length));
  if (own.how === "throws") process.on("uncaughtException", () => process.exit(0));
  if (own.how === "beside a worker") startWorker({ how: "runs on", milliseconds: 1e9 });
  await end(own);
} else await end(/** @type {Ending} */ (endings[0]));
