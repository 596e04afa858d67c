import { afterAll, beforeAll, describe } from "@jest/globals";
import { describeRuntimes } from "../conformance/runtime.ts";
import { serviceProgram } from "../services/server.ts";
import { startTemporal, type TemporalServer } from "../services/temporal-server.ts";
import { temporaryFolder } from "../support/command-line.ts";
import { type FleetWorker, startFleetWorker } from "../support/fleet.ts";

const isHere = serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal server could be brought\n");

(isHere ? describe : describe.skip)("the same job in one process and on a fleet", () => {
  let temporal: TemporalServer;
  let workers: readonly FleetWorker[];
  let environment: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    const folder = await temporaryFolder();
    temporal = await startTemporal(folder);
    environment = { TEMPORAL_ADDRESS: temporal.address };
    // A store in a folder is written by one worker; the other one encodes.
    const start = (queues: string) =>
      startFleetWorker({ cwd: folder, environment, arguments: ["--queues", queues, "--batch-size", "16"] });
    workers = await Promise.all([start("orchestrate,io,encode"), start("encode")]);
  }, 120_000);

  afterAll(async () => {
    for (const { child } of workers ?? []) child.kill("SIGKILL");
    await temporal?.server.kill();
  });

  describeRuntimes({
    "one process": { arguments: ["--batch-size", "16"], environment: () => ({}) },
    temporal: { arguments: ["--on", "temporal"], environment: () => environment },
  });
});
