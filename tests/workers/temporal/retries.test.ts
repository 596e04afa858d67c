import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ErrorCode, MillraceError, Steps } from "@millrace/core";
import { serviceProgram } from "../../services/server.ts";
import { MadeUpFleet, type StartedWorker } from "../../support/made-up-fleet.ts";

const isHere = serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal server could be brought\n");

type Failing = readonly [step: keyof Steps, code: ErrorCode, times: number];

(isHere ? describe : describe.skip)("a step that fails on a real Temporal server", () => {
  let fleet: MadeUpFleet;
  let worker: StartedWorker;

  beforeAll(async () => {
    fleet = await MadeUpFleet.start();
    worker = await fleet.startWorker({ corpus: { pages: [1], partsPerShard: 1, batchesPerPart: 1, takes: 5 } });
    await Promise.all(Object.values(failing).map((job) => fleet.startJob(job.join("/"))));
  }, 60_000);
  afterAll(() => fleet?.stop());

  /** Jobs that run at the same time: of each, one step fails so often. */
  const failing = {
    setting: ["plan", "E_CONFIG", 99],
    schema: ["plan", "E_STORE_SCHEMA", 99],
    credentials: ["split", "E_CREDENTIALS", 99],
    store: ["write", "E_STORE", 99],
    defect: ["commit", "E_INTERNAL", 99],
    server: ["plan", "E_UNREACHABLE", 4],
    host: ["encode", "E_HOST", 99],
    object: ["split", "E_OBJECT_CHANGED", 2],
    busy: ["plan", "E_STORE_BUSY", 1],
    file: ["write", "E_IO", 5],
  } as const satisfies Record<string, Failing>;

  /** The error that ended a job, how often its step was begun, and the seconds in between. */
  const outcome = async (job: Failing) => {
    const id = job.join("/");
    const error = await fleet.jobs.result(id).then(
      () => undefined,
      (error: MillraceError) => error.code,
    );
    const begun = worker.steps.filter(({ name, corpus }) => name === job[0] && corpus === id).map(({ at }) => at);
    const gaps = begun.slice(1).map((at, index) => (at - (begun[index] as number)) / 1_000);
    return { error, attempts: begun.length, gaps };
  };

  test.each(["setting", "schema", "credentials", "store", "defect"] as const)(
    "a wrong %s ends the job",
    async (name) => {
      const { error, attempts } = await outcome(failing[name]);
      expect({ error, attempts }).toEqual({ error: failing[name][1], attempts: 1 });
    },
  );

  test("E_UNREACHABLE is tried again, after longer and longer pauses, until the server is back", async () => {
    const { error, attempts, gaps } = await outcome(failing.server);
    expect({ error, attempts }).toEqual({ error: undefined, attempts: 5 });
    for (const [index, gap] of gaps.entries()) expect(gap).toBeGreaterThan(0.45 * 2 ** index);
  });

  test("E_IO is tried again more often than hosts that die", async () => {
    const { error, attempts } = await outcome(failing.file);
    expect({ error, attempts }).toEqual({ error: undefined, attempts: 6 });
  });

  test("E_HOST is tried four times", async () => {
    const { error, attempts } = await outcome(failing.host);
    expect({ error, attempts }).toEqual({ error: "E_HOST", attempts: 4 });
  });

  test("E_OBJECT_CHANGED is tried again", async () => {
    const { error, attempts } = await outcome(failing.object);
    expect({ error, attempts }).toEqual({ error: undefined, attempts: 3 });
  });

  test("E_STORE_BUSY waits for the other run to end", async () => {
    const { error, attempts, gaps } = await outcome(failing.busy);
    expect({ error, attempts }).toEqual({ error: undefined, attempts: 2 });
    expect(gaps[0]).toBeGreaterThan(7);
  });
});
