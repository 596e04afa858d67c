import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describeRuntimes, type RuntimeUnderTest } from "../conformance/runtime.ts";
import { serviceProgram } from "../services/server.ts";
import { startTemporal } from "../services/temporal-server.ts";
import { run, start, temporaryFolder, tinyGenerator, tinyModel } from "../support/command-line.ts";
import { startFleetWorker } from "../support/fleet.ts";

const isHere = serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal server could be brought\n");

/** Waits until a job has written the first batch. */
async function encoding(work: string): Promise<void> {
  for (let look = 0; look < 6_000; look += 1) {
    const paths = await readdir(work, { recursive: true }).catch(() => []);
    if (paths.some((path) => /batches\/.*\.arrow$/.test(path))) return;
    await delay(10);
  }
  throw new Error("no batch came");
}

if (isHere)
  describeRuntimes("embedded and on temporal alike", async () => {
    const folder = await temporaryFolder();
    const temporal = await startTemporal(folder);
    const options = { cwd: folder, environment: { TEMPORAL_ADDRESS: temporal.address } };
    const worker = await startFleetWorker({ ...options, arguments: ["--token-budget", "64", "--concurrency", "2"] });
    const generating = ["--model", tinyGenerator, "--queues", "generate"];
    const answerer = await startFleetWorker({ ...options, arguments: generating });
    const generate = (name: string, more: readonly string[]) => {
      const places = ["--out", `${name}/answers.jsonl`, "--work", `${name}/work`];
      return run(["generate", "prompts.jsonl", "--model", tinyGenerator, "--json", ...places, ...more], options);
    };
    const index = (name: string, more: readonly string[]) => [
      ...["index", "docs", "--corpus", "handbook", "--model", tinyModel, "--json"],
      ...["--store", `${name}/store`, "--work", `${name}/work`, ...more],
    ];
    const embedded: RuntimeUnderTest = {
      name: "embedded",
      index: (...more) => run(index("embedded", more), options),
      generate: (...more) => generate("embedded", more),
      async interrupt(...more) {
        const { child, finished } = await start(index("embedded", more), options);
        await encoding(join(folder, "embedded/work"));
        child.kill("SIGKILL");
        await finished;
      },
    };
    const onTemporal: RuntimeUnderTest = {
      name: "temporal",
      index: (...more) => run(index("temporal", ["--on", "temporal", ...more]), options),
      generate: (...more) => generate("temporal", ["--on", "temporal", ...more]),
      async interrupt(...more) {
        const { stdout } = await run(index("temporal", ["--on", "temporal", "--detach", ...more]), options);
        const { job } = JSON.parse(stdout.split("\n")[0] ?? "{}") as { job: string };
        await encoding(join(folder, "temporal/work"));
        await run(["jobs", "cancel", job], options);
        await run(["jobs", "watch", job], options);
      },
    };
    return {
      folder,
      runtimes: [embedded, onTemporal],
      async close() {
        for (const { child } of [worker, answerer]) child.kill("SIGKILL");
        await temporal.server.kill();
      },
    };
  });
