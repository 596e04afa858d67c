import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { JobProgress } from "@millrace/workflows";
import { serviceProgram } from "../services/server.ts";
import { run, start, temporaryFolder } from "../support/command-line.ts";
import { MadeUpFleet, type StartedWorker } from "../support/made-up-fleet.ts";

const isHere = serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal server could be brought\n");

/** Enough to be under way for longer than these tests take. */
const corpus = { pages: [40, 40], partsPerShard: 4, batchesPerPart: 8, takes: 1_000 };

(isHere ? describe : describe.skip)("a running job", () => {
  let fleet: MadeUpFleet;
  let steps: StartedWorker;
  let orchestrator: StartedWorker;
  let cwd: string;

  const jobs = (...args: readonly string[]) =>
    run(["jobs", ...args, "--json"], { cwd, environment: { TEMPORAL_ADDRESS: fleet.temporal.address } });
  const progress = () => fleet.jobs.query<JobProgress>("long", "progress");
  const begun = () => steps.steps.filter(({ name }) => name !== "write").length;
  const until = async (holds: (progress: JobProgress) => boolean) => {
    for (let look = 0; look < 400; look += 1) {
      const now = await progress().catch(() => undefined);
      if (now !== undefined && holds(now)) return;
      await delay(50);
    }
    throw new Error(`this did not come: ${holds}`);
  };

  beforeAll(async () => {
    cwd = await temporaryFolder();
    fleet = await MadeUpFleet.start();
    steps = await fleet.startWorker({ corpus, queues: ["io", "encode"] });
    orchestrator = await fleet.startWorker({ corpus, queues: ["orchestrate"] });
    await fleet.startJob("long", { batches: 4 });
    await until(({ chunks }) => chunks > 0);
  }, 120_000);
  afterAll(() => fleet?.stop());

  test("is paused when the command returns, and goes on when it is resumed", async () => {
    const { code, result } = await jobs("pause", "long");
    expect([code, (result.progress as JobProgress).isPaused]).toEqual([0, true]);
    await until(({ batches }) => batches.underWay === 0);
    const before = begun();
    expect((await jobs("show", "long")).result.progress).toMatchObject({ isPaused: true, phase: "working" });
    expect(begun()).toBe(before);
    expect((await jobs("resume", "long")).code).toBe(0);
    await until(({ isPaused, batches }) => !isPaused && batches.underWay > 0);
    expect(begun()).toBeGreaterThan(before);
  }, 120_000);

  test("has as many batches under way as it is told, from then on", async () => {
    const most = async () => {
      let most = 0;
      for (let look = 0; look < 6; look += 1) {
        most = Math.max(most, (await progress()).batches.underWay);
        await delay(200);
      }
      return most;
    };
    expect(await most()).toBeLessThanOrEqual(4);
    const { code, result } = await jobs("scale", "long", "--in-flight", "16");
    expect([code, (result.progress as JobProgress).batches.limit]).toEqual([0, 16]);
    await until(({ batches }) => batches.underWay > 8);
    expect(await most()).toBeLessThanOrEqual(16);
    expect((await jobs("scale", "long", "--in-flight", "2")).code).toBe(0);
    await until(({ batches }) => batches.underWay <= 2);
    expect(await most()).toBeLessThanOrEqual(2);
  }, 120_000);

  test("refuses what it cannot do", async () => {
    for (const args of [["--in-flight", "10001"], []]) {
      const { code, result } = await jobs("scale", "long", ...args);
      expect({ code, error: result.error?.code }).toEqual({ code: 2, error: "E_USAGE" });
    }
    expect((await progress()).batches.limit).toBe(2);
  }, 120_000);

  test("keeps what it was told while nobody orchestrates", async () => {
    await orchestrator.kill();
    const [pause, scale] = await Promise.all([jobs("pause", "long"), jobs("scale", "long", "--in-flight", "9")]);
    expect({ code: pause.code, said: pause.stderr }).toEqual({ code: 0, said: expect.stringContaining("no worker") });
    expect({ code: scale.code, error: scale.result.error?.code }).toEqual({ code: 4, error: "E_WORKER_MISSING" });
    orchestrator = await fleet.startWorker({ corpus, queues: ["orchestrate"] });
    await until(({ isPaused }) => isPaused);
  }, 120_000);

  test("says which queue nobody takes work from, and that somebody does again", async () => {
    expect((await jobs("resume", "long")).code).toBe(0);
    const watching = await start(["jobs", "watch", "long", "--json"], {
      cwd,
      environment: { TEMPORAL_ADDRESS: fleet.temporal.address },
    });
    let said = "";
    watching.child.stderr?.on("data", (text: string) => {
      said += text;
    });
    const saying = async (pattern: RegExp) => {
      const from = performance.now();
      while (!pattern.test(said)) {
        if (performance.now() - from > 60_000) throw new Error(`not said: ${pattern} in ${said}`);
        await delay(50);
      }
      return performance.now() - from;
    };
    await steps.kill();
    // Where every step was begun, work waits again only once the server gives the dead worker up, after 30 s.
    // Which of its two queues work waits in depends on what it had begun.
    const starved = /no worker .* (millrace-(io|encode)\S*) .*millrace worker --queues \2/;
    expect(await saying(starved)).toBeLessThan(45_000);
    const [, queue] = starved.exec(said) ?? [];
    const { stderr } = await jobs("show", "long");
    expect(stderr).toMatch(new RegExp(`no worker .* ${queue} `));
    steps = await fleet.startWorker({ corpus, queues: ["io", "encode"] });
    await saying(new RegExp(`${queue} is taken again`));
    await orchestrator.kill();
    await saying(/no worker .* millrace-orchestrate .*millrace worker --queues orchestrate/);
    orchestrator = await fleet.startWorker({ corpus, queues: ["orchestrate"] });
    await saying(/millrace-orchestrate is taken again/);
    await fleet.temporal.server.kill();
    expect(await saying(/Temporal server does not answer/)).toBeLessThan(30_000);
    await fleet.temporal.server.start();
    await saying(/Temporal server answers again/);
    expect((await jobs("pause", "long")).code).toBe(0);
    watching.child.kill("SIGKILL");
  }, 180_000);

  test("is not steered any more once it has ended", async () => {
    expect((await progress()).isPaused).toBe(true);
    expect((await jobs("cancel", "long")).code).toBe(0);
    await fleet.jobs.result("long").catch(() => {});
    for (const command of [["pause"], ["resume"], ["scale", "--in-flight", "3"]]) {
      const [name = "", ...more] = command;
      const { code, result } = await jobs(name, "long", ...more);
      expect({ name, code, error: result.error?.code }).toEqual({ name, code: 1, error: "E_JOB_ENDED" });
      expect(result.error?.message).toContain("cancelled");
    }
    const missing = await jobs("pause", "nothing");
    expect(missing.result.error?.code).toBe("E_JOB_MISSING");
  }, 120_000);
});
