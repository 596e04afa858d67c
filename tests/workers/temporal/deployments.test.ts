import { spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { serviceProgram } from "../../services/server.ts";
import { MadeUpFleet, type StartedWorker } from "../../support/made-up-fleet.ts";

const isHere = serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal server could be brought\n");

/** A job of the first has 14 steps and a history that is far shorter than what makes a job rest; of the second, 56. */
const short = { pages: [2], partsPerShard: 2, batchesPerPart: 1, takes: 1_500 };
const long = { ...short, pages: [2, 2, 2, 2], takes: 3_000 };
const eventsOfHistory = 150;

(isHere ? describe : describe.skip)("builds of the workers on a real Temporal server", () => {
  let fleet: MadeUpFleet;
  let first: StartedWorker;

  const startBuild = (buildId: string, corpus = short) => {
    return fleet.startWorker({ corpus, version: { deployment: "millrace", buildId } });
  };
  const makeCurrent = (buildId: string) => {
    const program = serviceProgram("temporal") as string;
    const command = ["worker", "deployment", "set-current-version", "--deployment-name", "millrace"];
    const args = [...command, "--build-id", buildId, "--yes", "--address", fleet.temporal.address];
    return spawnSync(program, args, { encoding: "utf8" });
  };
  /** The server hears of a build some time after its workers have begun to ask for work. */
  const makeCurrentSoon = async (buildId: string) => {
    for (let look = 0; look < 50; look += 1) {
      if (makeCurrent(buildId).status === 0) return;
      await delay(200);
    }
    throw new Error(makeCurrent(buildId).stderr);
  };
  const stepsOf = (worker: StartedWorker, id: string) => worker.steps.filter(({ corpus }) => corpus === id).length;
  const isUnderWay = async (worker: StartedWorker, id: string) => {
    while (stepsOf(worker, id) < 2) await delay(50);
  };

  beforeAll(async () => {
    fleet = await MadeUpFleet.start([`limit.historyCount.suggestContinueAsNew=${eventsOfHistory}`]);
    first = await startBuild("first");
  }, 90_000);
  afterAll(() => fleet?.stop());

  test("no job begins before a build is made the current one", async () => {
    const how = "set-current-version --deployment-name millrace --build-id first";
    for (let said = ""; !said.includes(how); await delay(100)) {
      said = await fleet.startOnce("early").then(
        () => "it was started",
        (error: Error) => error.message,
      );
      expect(said).not.toBe("it was started");
    }
    await makeCurrentSoon("first");
  }, 60_000);

  test("a job stays with the build that began it, the next one begins with the new build", async () => {
    await fleet.startJob("staying");
    await isUnderWay(first, "staying");
    const second = await startBuild("second");
    await makeCurrentSoon("second");
    expect((await fleet.jobs.describe("staying")).status).toBe("RUNNING");
    await fleet.startJob("new");
    await Promise.all([fleet.jobs.result("staying"), fleet.jobs.result("new")]);
    expect([stepsOf(first, "staying"), stepsOf(second, "staying")]).toEqual([14, 0]);
    expect([stepsOf(first, "new"), stepsOf(second, "new")]).toEqual([0, 14]);
  }, 120_000);

  test("a long job goes over to the new build where it goes on in a new history", async () => {
    const third = await startBuild("third", long);
    await makeCurrentSoon("third");
    await fleet.startJob("long");
    await isUnderWay(third, "long");
    const fourth = await startBuild("fourth", long);
    await makeCurrentSoon("fourth");
    await fleet.jobs.result("long");
    expect(stepsOf(third, "long")).toBeGreaterThan(8);
    expect(stepsOf(fourth, "long")).toBeGreaterThan(8);
  }, 120_000);
});
