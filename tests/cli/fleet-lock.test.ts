import { setTimeout as delay } from "node:timers/promises";
import { ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type QdrantServer, startQdrant } from "../services/qdrant-server.ts";
import { directS3, s3Keys, startS3Server } from "../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../services/server.ts";
import { startTemporal, type TemporalServer } from "../services/temporal-server.ts";
import { run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../support/corpus.ts";
import { type FleetWorker, startFleetWorker } from "../support/fleet.ts";

const weed = serviceProgram("weed");
const isHere = weed !== undefined && serviceProgram("python") !== undefined && serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no S3, Qdrant and Temporal servers could be brought\n");

const files = 400;

(isHere ? describe : describe.skip)("with real servers", () => {
  let folder: string;
  let s3: TestServer;
  let qdrant: QdrantServer;
  let environment: Readonly<Record<string, string>>;
  let direct: S3Client;
  const options = (changes: Readonly<Record<string, string>> = {}) => ({
    cwd: folder,
    environment: { ...environment, ...changes },
  });
  const index = (source: string, store: string, work: string, ...more: readonly string[]) => [
    ...["index", source, "--model", tinyModel, "--json", "--hosts", "1", "--store", store, "--work", work, ...more],
  ];

  beforeAll(async () => {
    folder = await temporaryFolder();
    const docs = Array.from({ length: files }, (_, file) => [`docs/${file}.md`, madeUpMarkdown(file, 4)]);
    await writeFiles(folder, { ...Object.fromEntries(docs), "small/a.md": "# Words" });
    const started = await startS3Server(weed as string);
    s3 = started.server;
    qdrant = (await startQdrant("right")) as QdrantServer;
    environment = {
      AWS_ENDPOINT_URL: started.endpoint,
      ...s3Keys,
      // Where nothing is given, the client would ask the machine's cloud.
      AWS_EC2_METADATA_DISABLED: "true",
      HOME: folder,
      QDRANT_API_KEY: "right",
    };
    direct = directS3(started.endpoint);
  }, 120_000);

  afterAll(async () => {
    direct?.destroy();
    await Promise.all([s3?.kill(), qdrant?.stop()]);
  });

  const failing = async (args: readonly string[], changes: Readonly<Record<string, string>> = {}) => {
    const startedAt = performance.now();
    const { code, result, stderr } = await run(args, options(changes));
    const { error } = result;
    expect(stderr.trim().split("\n").at(-1)).toContain(error?.message);
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    return { exit: code, code: error?.code, message: error?.message };
  };
  const _says = (exit: number, code: string, message: RegExp) => ({
    exit,
    code,
    message: expect.stringMatching(message),
  });

  test("the workers of a Temporal server and a run beside them keep each other out", async () => {
    const temporal: TemporalServer = await startTemporal(folder);
    const fleet = { ...environment, TEMPORAL_ADDRESS: temporal.address };
    const workers: FleetWorker[] = [];
    try {
      const more = ["--concurrency", "2", "--token-budget", "64"];
      for (let count = 0; count < 2; count += 1) {
        workers.push(await startFleetWorker({ cwd: folder, environment: fleet, arguments: more }));
      }
      const args = index("docs", `${qdrant.uri}/fleet`, "s3://corpus/fleet");
      const job = await start([...args, "--on", "temporal"], options(fleet));
      await lockBelow(direct, "fleet");
      expect((await failing(args)).code).toBe("E_STORE_BUSY");
      const { code, stderr } = await job.finished;
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });

      // The job's last step has given the folder back.
      const beside = await start([...args, "--full"], options());
      await lockBelow(direct, "fleet");
      // A job on the server waits until the folder is free.
      const waiting = await start([...args, "--on", "temporal"], options(fleet));
      const ended = await beside.finished;
      expect({ code: ended.code, stderr: ended.code === 0 ? "" : ended.stderr }).toEqual({ code: 0, stderr: "" });
      const waited = await waiting.finished;
      expect({ code: waited.code, stderr: waited.code === 0 ? "" : waited.stderr }).toEqual({ code: 0, stderr: "" });
      expect((waited.result.worked as { readonly documents: number }).documents).toBe(0);
    } finally {
      for (const { child } of workers) child.kill("SIGKILL");
      await temporal.server.kill();
    }
  }, 300_000);
});

/** Waits for the lock of the one job below a prefix. @returns its key */
async function lockBelow(client: S3Client, prefix: string): Promise<string> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await delay(50)) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: "corpus", Prefix: `${prefix}/` }));
    const lock = Contents.find(({ Key }) => Key?.endsWith("/lock.json"))?.Key;
    if (lock !== undefined) return lock;
  }
  throw new Error(`no lock appeared below ${prefix}`);
}
