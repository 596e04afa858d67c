import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { serviceProgram } from "../services/server.ts";
import { startTemporal, type TemporalServer } from "../services/temporal-server.ts";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, writeFiles } from "../support/corpus.ts";
import { type FleetWorker, startFleetWorker } from "../support/fleet.ts";

const isHere = serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal server could be brought\n");

const key = () => randomBytes(32).toString("base64");
const canary = "canary-7f3a";

(isHere ? describe : describe.skip)("with MILLRACE_TEMPORAL_KEY", () => {
  let folder: string;
  let temporal: TemporalServer;
  let worker: FleetWorker | undefined;
  const [current, former] = [key(), key()];

  const environment = (keys?: string) => {
    const address = { TEMPORAL_ADDRESS: temporal.address };
    return keys === undefined ? address : { ...address, MILLRACE_TEMPORAL_KEY: keys };
  };
  const index = (keys: string | undefined, ...more: readonly string[]) =>
    run(
      [
        ...["index", `docs-${canary}`, "--on", "temporal", "--model", tinyModel, "--json"],
        ...["--store", "store", "--work", "work", ...more],
      ],
      { cwd: folder, environment: environment(keys) },
    );
  /** All histories as the server keeps them, payloads decoded from base64. */
  const recorded = async () => {
    const program = serviceProgram("temporal") as string;
    const ask = (...args: readonly string[]) =>
      spawnSync(program, ["workflow", ...args, "--address", temporal.address, "-o", "json"], { encoding: "utf8" })
        .stdout;
    const executions = JSON.parse(ask("list")) as { execution: { workflowId: string; runId: string } }[];
    const texts = executions.map(({ execution: { workflowId, runId } }) => ask("show", "-w", workflowId, "-r", runId));
    const payloads = texts.join().matchAll(/"([A-Za-z0-9+/]{8,}={0,2})"/g);
    return `${texts.join()}${[...payloads].map(([, text]) => Buffer.from(text as string, "base64").toString()).join()}`;
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (let file = 0; file < 12; file += 1) {
      await writeFiles(folder, { [`docs-${canary}/${file}.md`]: madeUpMarkdown(file, 2) });
    }
    temporal = await startTemporal(folder);
  }, 60_000);

  afterAll(async () => {
    worker?.child.kill("SIGKILL");
    await temporal?.server.kill();
  });

  test("the server sees nothing of a job, nor of why one failed, and keys can be exchanged", async () => {
    worker = await startFleetWorker({ cwd: folder, environment: environment(`${current},${former}`) });
    const { code, stderr, result } = await index(`${former},${current}`);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(result.points).toBe((await pointsOf(join(folder, "store"))).size);
    const failed = await index(current, "--overlap", "3");
    expect({ code: failed.code, error: failed.result.error?.code }).toEqual({ code: 4, error: "E_STORE_FINGERPRINT" });
    const found = await run(["jobs", "list", "--store", "store", "--json"], {
      cwd: folder,
      environment: environment(`${current},${former}`),
    });
    expect((found.result.jobs as unknown[]).length).toBe(2);
    const raw = await recorded();
    expect(raw).toContain("binary/encrypted");
    expect(raw).toContain("Encoded failure");
    for (const secret of [canary, "fingerprint", "tiny-bert", folder]) {
      expect({ secret, isSeen: raw.includes(secret) }).toEqual({ secret, isSeen: false });
    }
  }, 90_000);

  test("another key, or none, is told in one line", async () => {
    const { stdout } = await run(["jobs", "list", "--json"], { cwd: folder, environment: environment(current) });
    const { jobs } = JSON.parse(stdout) as { jobs: { id: string }[] };
    const watched = await run(["jobs", "watch", jobs[0]?.id ?? "", "--json"], {
      cwd: folder,
      environment: environment(key()),
    });
    expect(watched.result.error?.code).toBe("E_CREDENTIALS");
    const broken = await index("c2hvcnQ=");
    expect({ code: broken.code, error: broken.result.error?.code }).toEqual({ code: 2, error: "E_CONFIG" });
  }, 60_000);
});
