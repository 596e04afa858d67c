import { spawnSync } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ReindexSummary } from "@millrace/workflows";
import { serviceProgram } from "../services/server.ts";
import { startTemporal, type TemporalServer } from "../services/temporal-server.ts";
import { otherTinyModel, run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, randomNumbers, writeFiles } from "../support/corpus.ts";
import { type FleetWorker, startFleetWorker } from "../support/fleet.ts";
import { until } from "../support/processes.ts";

const isHere = serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal server could be brought\n");

const files = 300;
const kills = 6;

(isHere ? describe : describe.skip)("on a real Temporal server", () => {
  let folder: string;
  let temporal: TemporalServer;
  let environment: Readonly<Record<string, string>>;
  let worker: FleetWorker;

  const options = () => ({ cwd: folder, environment });
  const index = (place: string, ...more: readonly string[]) => [
    ...["index", "docs", "--model", tinyModel, "--json", "--store", `${place}/store`, "--work", `${place}/work`],
    ...more,
  ];
  const startWorker = () =>
    startFleetWorker({ ...options(), arguments: ["--token-budget", "64", "--concurrency", "2"] });
  const idOf = (stdout: string) => (JSON.parse(stdout.split("\n")[0] ?? "{}") as { job: string }).job;

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (let file = 0; file < files; file += 1) {
      await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file, 4) });
    }
    temporal = await startTemporal(folder);
    environment = { TEMPORAL_ADDRESS: temporal.address };
  }, 120_000);

  afterAll(async () => {
    worker?.child.kill("SIGKILL");
    await temporal?.server.kill();
  });

  test("says within seconds that no worker is there", async () => {
    const { code, result } = await run(index("none", "--on", "temporal", "--watch"), options());
    expect({ code, error: result.error?.code }).toEqual({ code: 4, error: "E_WORKER_MISSING" });
    const both = await run(index("none", "--on", "temporal", "--watch", "--detach"), options());
    expect({ code: both.code, error: both.result.error?.code }).toEqual({ code: 2, error: "E_USAGE" });
  }, 60_000);

  test("gives the same points as in one process", async () => {
    expect((await run(index("embedded"), options())).code).toBe(0);
    worker = await startWorker();
    const { code, result, stderr } = await run(index("fleet", "--on", "temporal", "--watch"), options());
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const expected = await pointsOf(join(folder, "embedded/store"));
    expect(await pointsOf(join(folder, "fleet/store"))).toEqual(expected);
    expect(result.points).toBe(expected.size);
    const verified = await run(["verify", "--work", "fleet/work", "--sample", "50", "--json"], options());
    expect([verified.code, verified.result.sampled, verified.result.points]).toEqual([0, 50, expected.size]);
  }, 180_000);

  test("work for a GPU has a queue of its own, which a machine without one does not serve", async () => {
    const { code, result } = await run(index("gpu", "--on", "temporal", "--device", "cuda"), options());
    expect({ code, error: result.error }).toEqual({
      code: 4,
      error: { code: "E_WORKER_MISSING", message: expect.stringMatching(/millrace-encode-[0-9a-f]{16}-fp16-cuda/) },
    });
    const args = ["worker", "--model", tinyModel, "--queues", "encode", "--device", "cuda:0", "--json"];
    const refused = await run(args, options());
    expect([refused.code, refused.result.error?.code]).toEqual([4, "E_DEVICE"]);
  }, 60_000);

  test("a second run encodes what changed, and nothing else", async () => {
    await writeFiles(folder, { "docs/7.md": madeUpMarkdown(1_007, 2) });
    await rm(join(folder, "docs/8.md"));
    const { code, result } = await run(index("fleet", "--on", "temporal"), options());
    expect(code).toBe(0);
    expect((result.worked as { documents: number }).documents).toBe(1);
    expect(result.documents).toBe(files - 1);
  }, 60_000);

  test("jobs are listed by corpus, store and status", async () => {
    expect((await run(index("named", "--on", "temporal", "--corpus", 'other\'s "pages"'), options())).code).toBe(0);
    const listed = async (...filter: readonly string[]) => {
      const { code, result } = await run(["jobs", "list", "--json", ...filter], options());
      return { code, jobs: (result.jobs as { status: string }[]).map(({ status }) => status) };
    };
    expect(await listed("--corpus", 'other\'s "pages"')).toEqual({ code: 0, jobs: ["COMPLETED"] });
    expect(await listed("--corpus", "nothing")).toEqual({ code: 0, jobs: [] });
    expect(await listed("--store", "fleet/store", "--status", "completed")).toEqual({
      code: 0,
      jobs: ["COMPLETED", "COMPLETED"],
    });
    expect(await listed("--store", "fleet/store", "--status", "running")).toEqual({ code: 0, jobs: [] });
    const program = serviceProgram("temporal") as string;
    const list = ["workflow", "list", "--address", temporal.address, "--query", 'MillracePhase = "done"', "-o", "json"];
    const { stdout } = spawnSync(program, list, { encoding: "utf8" });
    expect((JSON.parse(stdout) as unknown[]).length).toBe(3);
  }, 120_000);

  test("loses and doubles nothing when workers and the server are killed", async () => {
    const random = randomNumbers(4);
    expect((await run(index("calm"), options())).code).toBe(0);
    const running = await start(index("killed", "--on", "temporal"), options());
    let isOver = false;
    void running.finished.then(() => {
      isOver = true;
    });
    for (let kill = 0; kill < kills && !isOver; kill += 1) {
      await delay(500 + random() * 2_500);
      if (kill === 3) {
        await temporal.server.kill();
        await temporal.server.start();
      } else {
        worker.child.kill("SIGKILL");
        await worker.finished;
        worker = await startWorker();
      }
    }
    const { code, stderr } = await running.finished;
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(await pointsOf(join(folder, "killed/store"))).toEqual(await pointsOf(join(folder, "calm/store")));
  }, 400_000);

  test("a job is paused, resumed, cancelled, and gone on with", async () => {
    const { stdout, code } = await run(index("steered", "--on", "temporal", "--detach"), options());
    expect(code).toBe(0);
    const id = idOf(stdout);
    for (const command of ["pause", "show", "resume", "cancel"]) {
      expect({ command, code: (await run(["jobs", command, id], options())).code }).toEqual({ command, code: 0 });
    }
    const watched = await run(["jobs", "watch", id, "--json"], options());
    expect([undefined, "E_JOB_ENDED"]).toContain(watched.result.error?.code);
    expect((await run(index("steered", "--on", "temporal"), options())).code).toBe(0);
    expect(await pointsOf(join(folder, "steered/store"))).toEqual(await pointsOf(join(folder, "calm/store")));
  }, 120_000);

  test("a job that is cancelled while it reads stops within seconds, and writes nothing after that", async () => {
    const rows = Array.from({ length: 60_000 }, (_, row) => JSON.stringify({ text: madeUpMarkdown(row, 1) }));
    await writeFiles(folder, { "large/rows.jsonl": rows.join("\n") });
    const places = ["--store", "large/store", "--work", "large/work", "--model", tinyModel, "--json"];
    const { stdout } = await run(["index", "large/rows.jsonl", ...places, "--on", "temporal", "--detach"], options());
    const id = idOf(stdout);
    const begun = async () => (await readdir(join(folder, "large/work", id, "batches")).catch(() => [])).length > 0;
    for (let look = 0; look < 600 && !(await begun()); look += 1) await delay(50);
    expect((await run(["jobs", "cancel", id], options())).code).toBe(0);
    const cancelledAt = performance.now();
    const { result } = await run(["jobs", "watch", id, "--json"], options());
    expect([result.error?.code, performance.now() - cancelledAt < 15_000]).toEqual(["E_JOB_ENDED", true]);
    await delay(1_000);
    const after = await readdir(join(folder, "large/work"), { recursive: true });
    await delay(4_000);
    expect(await readdir(join(folder, "large/work"), { recursive: true })).toEqual(after);
  }, 120_000);

  test("a reindex fills a generation and exchanges it; the schedule goes on with what is live", async () => {
    const place = ["--store", "exchanged/store", "--work", "exchanged/work", "--json"];
    const start = ["docs", "--model", tinyModel, ...place];
    expect((await run(["index", ...start, "--on", "temporal"], options())).code).toBe(0);
    const before = await pointsOf(join(folder, "exchanged/store"));
    expect((await run(["schedule", "create", "hourly", ...start, "--every", "1h"], options())).code).toBe(0);

    const refused = await run(["reindex", "--on", "temporal", "--model", otherTinyModel, ...place], options());
    expect([refused.code, refused.result.error?.code]).toEqual([4, "E_WORKER_MISSING"]);

    const reindex = ["reindex", "--on", "temporal", "--max-tokens", "24", ...place];
    const { code, result, stderr } = await run(reindex, options());
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const { promoted, verified } = result as unknown as ReindexSummary;
    expect([promoted.kept.length, verified.missing.count, verified.unexpected.count]).toEqual([1, 0, 0]);
    const embedded = ["index", "docs", "--model", tinyModel, "--max-tokens", "24", "--store", "other/store", "--json"];
    expect((await run([...embedded, "--work", "other/work"], options())).code).toBe(0);
    const wanted = await pointsOf(join(folder, "other/store"));
    expect(await pointsOf(join(folder, "exchanged/store"))).toEqual(wanted);

    await writeFiles(folder, { "docs/after.md": "# After the exchange\n" });
    expect((await run(["schedule", "trigger", "hourly"], options())).code).toBe(0);
    await until(
      async () => (await pointsOf(join(folder, "exchanged/store"))).size > wanted.size,
      "the refresh",
      60_000,
    );
    const verify = await run(["verify", "--work", "exchanged/work", "--sample", "20", "--json"], options());
    expect([verify.code, verify.result.points]).toEqual([0, wanted.size + 1]);

    expect((await run(["rollback", ...place], options())).code).toBe(0);
    expect(await pointsOf(join(folder, "exchanged/store"))).toEqual(before);
    expect((await run(["schedule", "delete", "hourly"], options())).code).toBe(0);
    await rm(join(folder, "docs/after.md"));
  }, 240_000);

  test("a schedule starts the job by itself, and is listed, paused, resumed, triggered, deleted", async () => {
    const timing = ["--every", "2s", "--model", tinyModel, "--store", "timed/store", "--work", "timed/work", "--json"];
    expect((await run(["schedule", "create", "nightly", "docs", ...timing], options())).code).toBe(0);
    const again = await run(["schedule", "create", "nightly", "docs", ...timing], options());
    expect({ code: again.code, error: again.result.error?.code }).toEqual({ code: 2, error: "E_USAGE" });
    const { size } = await pointsOf(join(folder, "calm/store"));
    let points = 0;
    for (let second = 0; second < 60 && points < size; second += 1) {
      await delay(1_000);
      points = (await pointsOf(join(folder, "timed/store")).catch(() => new Map())).size;
    }
    expect(points).toBe(size);
    for (const command of ["pause", "resume", "trigger"]) {
      expect({ command, code: (await run(["schedule", command, "nightly"], options())).code }).toEqual({
        command,
        code: 0,
      });
    }
    const { result } = await run(["schedule", "list", "--json"], options());
    expect(result.schedules).toEqual([expect.objectContaining({ name: "nightly", isPaused: false })]);
    expect((await run(["schedule", "delete", "nightly"], options())).code).toBe(0);
    const gone = await run(["schedule", "trigger", "nightly", "--json"], options());
    expect(gone.result.error?.code).toBe("E_JOB_MISSING");
  }, 180_000);

  test("a job whose step cannot succeed ends with that step's error", async () => {
    const { code, result } = await run(index("calm", "--on", "temporal", "--model", otherTinyModel), options());
    expect({ code, error: result.error?.code }).toEqual({ code: 4, error: "E_WORKER_MISSING" });
    const other = await run([...index("calm", "--on", "temporal", "--overlap", "3")], options());
    expect({ code: other.code, error: other.result.error?.code }).toEqual({ code: 4, error: "E_STORE_FINGERPRINT" });
  }, 60_000);

  test("a worker that is told to stop finishes what it does", async () => {
    worker.child.kill("SIGTERM");
    expect((await worker.finished).code).toBe(0);
  }, 90_000);

  test("names what is not there", async () => {
    const missing = await run(["jobs", "show", "nothing", "--json"], options());
    expect(missing.result.error?.code).toBe("E_JOB_MISSING");
    const namespace = await run(["jobs", "list", "--json", "--temporal-namespace", "nowhere"], options());
    expect(namespace.result.error?.code).toBe("E_NAMESPACE_MISSING");
    const address = await run(["jobs", "list", "--json", "--temporal-address", "127.0.0.1:1"], options());
    expect({ code: address.code, error: address.result.error?.code }).toEqual({ code: 1, error: "E_UNREACHABLE" });
  }, 60_000);
});
