import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { MillraceError } from "@millrace/core";
import { bundleWorkflows, jobWorkflowId, openJobs, runWorkers } from "@millrace/workers";
import { attributes, encodeQueue, generateQueue, ioQueue, orchestrateQueue } from "@millrace/workflows";
import { cacheFolder } from "../../packages/cli/bin/node-version.mjs";
import { serviceProgram } from "../services/server.ts";
import { startTemporal } from "../services/temporal-server.ts";
import { madeUpAnswers, madeUpGeneration } from "../support/made-up-answers.ts";
import { madeUpInput, madeUpModel, madeUpReindex, madeUpSteps } from "../support/made-up-steps.ts";

/**
 * Records the histories that `replay.test.ts` replays, on a real Temporal server with the workflows as they are built; only
 * what the steps do is made up. `node tests/replay/record.mjs` after a change that running jobs are not to survive;
 * with names behind it, only those are recorded.
 */
const folder = fileURLToPath(new URL("histories", import.meta.url));
const temporary = await mkdtemp(join(tmpdir(), "millrace-record-"));
const corpus = { pages: [2, 1], partsPerShard: 2, batchesPerPart: 5 };

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {import("../support/made-up-steps.ts").MadeUpCorpus} corpus
 * @property {import("../support/made-up-answers.ts").MadeUpPrompts} [prompts]
 * @property {string} [workflow]
 * @property {object} [input]
 * @property {readonly string[]} [server] Settings of the server's dynamic configuration.
 * @property {(jobs: import("@millrace/workers").Jobs, id: string) => Promise<void>} [steer]
 */

/** @type {readonly Scenario[]} */
const scenarios = [
  { name: "plain", corpus },
  { name: "resumed-plan", corpus: { ...corpus, pages: [2], partsPerShard: 1, isResumed: true } },
  {
    name: "paused",
    corpus: { ...corpus, pages: [1, 1], partsPerShard: 3, batchesPerPart: 3, takes: 150 },
    async steer(jobs, id) {
      await until(jobs, id, ({ chunks }) => chunks > 0);
      await jobs.update(id, "pause");
      await delay(1_000);
      await jobs.signal(id, "resume");
    },
  },
  {
    name: "scaled",
    corpus: { ...corpus, pages: [3], batchesPerPart: 4, takes: 100 },
    input: { ...madeUpInput, batches: 2 },
    async steer(jobs, id) {
      await until(jobs, id, ({ chunks }) => chunks > 0);
      await jobs.update(id, "scale", 16);
    },
  },
  // Rests again and again: each run ends in another one.
  {
    name: "resting",
    corpus: { ...corpus, pages: [1], partsPerShard: 6 },
    server: ["limit.historyCount.suggestContinueAsNew=40"],
  },
  // Each step fails once, as it does where a server cannot be reached.
  {
    name: "retried",
    corpus: { ...corpus, pages: [1, 1], onStep: (_name, _corpus, earlier) => fail("E_UNREACHABLE", earlier === 0) },
  },
  {
    name: "refreshed",
    corpus: { pages: [1], partsPerShard: 1, batchesPerPart: 5 },
    workflow: "refreshCorpus",
    input: { ...madeUpInput, workflowId: jobWorkflowId("refreshed-job") },
  },
  {
    name: "reindexed",
    corpus: { ...corpus, pages: [1], partsPerShard: 1 },
    workflow: "reindexCorpus",
    input: madeUpReindex,
  },
  // Answers prompts, pauses, is scaled, and rests.
  {
    name: "generated",
    corpus,
    prompts: { pages: [2, 1], partsPerObject: 2, batchesPerPart: 4 },
    workflow: "generateCorpus",
    input: madeUpGeneration,
    server: ["limit.historyCount.suggestContinueAsNew=120"],
    async steer(jobs, id) {
      await jobs.update(id, "pause");
      await jobs.update(id, "scale", 4);
      await delay(500);
      await jobs.update(id, "resume");
    },
  },
  {
    name: "failed",
    corpus: { ...corpus, onStep: (name, _corpus, earlier) => fail("E_STORE", name === "write" && earlier === 1) },
  },
  {
    name: "cancelled",
    corpus: { ...corpus, takes: 200 },
    async steer(jobs, id) {
      await until(jobs, id, ({ chunks }) => chunks > 0);
      await jobs.cancel(id);
    },
  },
];

/** @param {import("@millrace/core").ErrorCode} code @param {boolean} isNow */
function fail(code, isNow) {
  if (isNow) throw new MillraceError(code, "made up");
}

/**
 * Waits until a job's progress is as wanted.
 * @param {import("@millrace/workers").Jobs} jobs @param {string} id
 * @param {(progress: import("@millrace/workflows").JobProgress) => boolean} isThere
 */
async function until(jobs, id, isThere) {
  while (!isThere(await jobs.query(id, "progress"))) await delay(20);
}

/** @param {string} bundlePath @param {Scenario} scenario */
async function record(bundlePath, scenario) {
  const { name, corpus: madeUp, prompts, workflow = "embedCorpus", server = [], steer, ...given } = scenario;
  const temporal = await startTemporal(await mkdtemp(join(temporary, name)), server);
  const stop = new AbortController();
  try {
    const { encode, verify, judge, ...others } = madeUpSteps(madeUp);
    const { answerPrompts, ...prompted } = madeUpAnswers(
      prompts ?? { pages: [], partsPerObject: 0, batchesPerPart: 0 },
    );
    const io = () => ({ ...others, ...prompted });
    const generating = generateQueue(madeUpGeneration.job.model.graph, "cpu");
    /** @type {PromiseWithResolvers<void>} */
    const ready = Promise.withResolvers();
    const working = runWorkers({
      address: temporal.address,
      queues: [
        { queue: orchestrateQueue, bundlePath },
        { queue: ioQueue, stepsFor: io, atOnce: 4 },
        { queue: generating, stepsFor: () => ({ answerPrompts }), atOnce: 4 },
        { queue: encodeQueue(madeUpModel, "cpu"), stepsFor: () => ({ encode, verify, judge }), atOnce: 4 },
      ],
      stop: stop.signal,
      graceMilliseconds: 5_000,
      onReady: ready.resolve,
    });
    await Promise.race([ready.promise, working]);
    const jobs = await openJobs({ address: temporal.address });
    const isSearchable = await jobs.register(Object.values(attributes));
    const searched = { ...(given.input ?? madeUpInput), isSearchable };
    const wanted = { id: name, workflow, queue: orchestrateQueue, input: searched, needs: [] };
    while (!(await isStarted(jobs, wanted))) await delay(50);
    await steer?.(jobs, name);
    await jobs.result(name).catch(() => {});
    await save(name, await historiesOf(temporal.address, jobWorkflowId(name)));
    await jobs.close();
    stop.abort();
    await working;
  } finally {
    stop.abort();
    await temporal.server.kill();
  }
}

/**
 * False while the server has not heard of the worker.
 * @param {import("@millrace/workers").Jobs} jobs @param {import("@millrace/workers").JobToStart} job
 */
async function isStarted(jobs, job) {
  try {
    await jobs.start(job);
    return true;
  } catch (error) {
    if (error instanceof MillraceError && error.code === "E_WORKER_MISSING") return false;
    throw error;
  }
}

/** @typedef {{ readonly events: readonly Readonly<Record<string, any>>[] }} History */

/** The histories of a workflow's runs, the first one first. @param {string} address @param {string} id */
async function historiesOf(address, id) {
  /** @type {History[]} */
  const histories = [];
  for (let run = ""; ; ) {
    const args = ["workflow", "show", "--address", address, "-w", id, "--output", "json"];
    const more = run === "" ? [] : ["--run-id", run];
    const { stdout, stderr } = spawnSync(serviceProgram("temporal") ?? "", [...args, ...more], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    if (stdout === "") throw new Error(stderr);
    /** @type {History} */
    const history = JSON.parse(stdout);
    histories.unshift(history);
    run = history.events[0]?.workflowExecutionStartedEventAttributes.continuedExecutionRunId ?? "";
    if (run === "") return histories;
  }
}

/**
 * Keeps the first run and, where there are several, the last, which went on from those before. One event is a line; what says on
 * which machine it was recorded, and where its files are, is left out.
 * @param {string} name @param {readonly History[]} histories
 */
async function save(name, histories) {
  const kept = histories.length > 1 ? [histories[0], histories.at(-1)] : histories;
  for (const [run, { events = [] } = {}] of kept.entries()) {
    const lines = events.map((event) =>
      JSON.stringify(event, (key, value) => (["identity", "stackTrace"].includes(key) ? undefined : value)),
    );
    const file = join(folder, `${name}${kept.length > 1 ? ["-first", "-last"][run] : ""}.json`);
    await writeFile(file, `{"events":[\n${lines.join(",\n")}\n]}\n`);
    process.stdout.write(`${file}: ${events.length} events\n`);
  }
}

try {
  const names = process.argv.slice(2);
  if (names.length === 0) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const bundlePath = await bundleWorkflows({
    workflowsPath: fileURLToPath(import.meta.resolve("@millrace/workflows/temporal")),
    cacheDirectory: cacheFolder(),
    isEncrypted: false,
  });
  const wanted = scenarios.filter(({ name }) => names.length === 0 || names.includes(name));
  for (const scenario of wanted) await record(bundlePath, scenario);
} finally {
  await rm(temporary, { recursive: true, force: true });
}
