import { createServer } from "node:http";
import { type AddressInfo, createServer as createSocketServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { DeleteObjectCommand, HeadObjectCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type QdrantServer, startQdrant } from "../services/qdrant-server.ts";
import { directS3, s3Keys, startS3Server } from "../services/s3-server.ts";
import { freePorts, serviceProgram, type TestServer } from "../services/server.ts";
import { startTemporal, type TemporalServer } from "../services/temporal-server.ts";
import { run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../support/corpus.ts";
import { examine } from "../support/findings.ts";
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
  const says = (exit: number, code: string, message: RegExp) => ({
    exit,
    code,
    message: expect.stringMatching(message),
  });

  test.each([
    ["source", "s3://corpus/docs/", "w"],
    ["work folder", "small", "s3://corpus/refused"],
  ])(
    "a %s in S3 that cannot be used is named, with the reason and the way out",
    async (_, source, work) => {
      const args = index(source, "st", work);
      const wrongSecret = await failing(args, { AWS_SECRET_ACCESS_KEY: "wrong" });
      expect(wrongSecret).toEqual(
        says(4, "E_CREDENTIALS", /s3:\/\/corpus\/.*SignatureDoesNotMatch.*Check the access key/),
      );
      const wrongKey = await failing(args, { AWS_ACCESS_KEY_ID: "nobody" });
      expect(wrongKey).toEqual(says(4, "E_CREDENTIALS", /s3:\/\/corpus\/.*Check the access key/));
      const none = await failing(args, { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" });
      expect(none).toEqual(says(4, "E_CREDENTIALS", /s3:\/\/corpus\/.*Check the access key/));
      const [port] = await freePorts(1);
      const closed = await failing(args, { AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` });
      expect(closed).toEqual(says(1, "E_UNREACHABLE", /s3:\/\/corpus\/.*ECONNREFUSED.*AWS_ENDPOINT_URL/));
    },
    120_000,
  );

  test("a missing bucket is named", async () => {
    // As a source: this server makes a bucket of whatever is put into it.
    const missing = await failing(index("s3://nothing/docs/", "st", "w"));
    expect(missing).toEqual(says(4, "E_BUCKET_MISSING", /"nothing" does not exist.*Create the bucket/));
  }, 60_000);

  test("a clock that is wrong is named, where the client cannot make up for it", async () => {
    const code = "RequestTimeTooSkewed";
    const server = createServer((_, answer) => {
      answer.writeHead(403, { "content-type": "application/xml" });
      answer.end(`<Error><Code>${code}</Code><Message>The difference is too large.</Message></Error>`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const skewed = await failing(index("s3://corpus/docs/", "st", "w"), { AWS_ENDPOINT_URL: endpoint });
    server.close().closeAllConnections();
    expect(skewed).toEqual(says(4, "E_CLOCK", new RegExp(`clock is wrong \\(${code}\\). Set this machine's clock`)));
  }, 60_000);

  test("a Qdrant store that cannot be used is named, too", async () => {
    const args = index("small", `${qdrant.uri}/docs`, "w");
    const wrong = await failing(args, { QDRANT_API_KEY: "wrong" });
    expect(wrong).toEqual(says(4, "E_CREDENTIALS", /127\.0\.0\.1:\d+ answers 40[13].*QDRANT_API_KEY/));
    const none = await failing(args, { QDRANT_API_KEY: "" });
    expect(none).toEqual(says(4, "E_CREDENTIALS", /127\.0\.0\.1:\d+ answers 40[13].*QDRANT_API_KEY/));
    const [port] = await freePorts(1);
    const closed = await failing(index("small", `qdrant://127.0.0.1:${port}/docs`, "w"));
    expect(closed).toEqual(says(1, "E_UNREACHABLE", new RegExp(`127\\.0\\.0\\.1:${port}.*ECONNREFUSED`)));
  }, 120_000);

  test("the doctor says of each server whether it answers, and of each that does not why, within seconds", async () => {
    const silent = createSocketServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const silentPort = (silent.address() as AddressInfo).port;
    const [closed] = await freePorts(1);
    const s3Host = environment.AWS_ENDPOINT_URL?.replace("http://", "") as string;
    const qdrantHost = qdrant.url.replace("http://", "");
    const asked = (store: string, changes: Readonly<Record<string, string>> = {}) =>
      examine(["--model", tinyModel, "--work", "s3://corpus/work", "--store", store], options(changes));
    const noAnswer = {
      TEMPORAL_ADDRESS: `127.0.0.1:${silentPort}`,
      AWS_ENDPOINT_URL: `http://127.0.0.1:${silentPort}`,
    };
    const right = await asked(`${qdrant.uri}/docs`);
    const [refusing, others, tls, unheard] = await Promise.all([
      asked(`${qdrant.uri}/docs`, { QDRANT_API_KEY: "wrong", AWS_SECRET_ACCESS_KEY: "wrong" }),
      asked(`qdrant://${s3Host}/docs`, {
        TEMPORAL_ADDRESS: `127.0.0.1:${closed}`,
        MILLRACE_SOURCE: "s3://nothing/docs",
      }),
      asked(`qdrant+https://${qdrantHost}/docs`, {
        TEMPORAL_ADDRESS: qdrantHost,
        TEMPORAL_TLS: "true",
        AWS_ENDPOINT_URL: `https://${s3Host}`,
      }),
      asked(`qdrant://127.0.0.1:${silentPort}/docs`, noAnswer),
    ]);
    silent.close();
    const ok = { status: "ok", facts: { milliseconds: expect.any(Number) } };
    expect(right.found.get("s3")).toMatchObject(ok);
    expect(right.found.get("qdrant")).toMatchObject({ ...ok, facts: { version: "1.19.0" } });
    expect(right.found.get("clock")).toMatchObject({ status: "ok", facts: { aheadSeconds: expect.any(Number) } });
    // Nobody has named a Temporal server.
    expect([right.code, right.found.has("temporal")]).toEqual([0, false]);
    const fail = (detail: RegExp) => ({
      status: "fail",
      detail: expect.stringMatching(detail),
      fix: expect.any(String),
    });
    expect(refusing.found.get("s3")).toMatchObject(fail(/corpus/));
    expect(refusing.found.get("qdrant")).toMatchObject(fail(/answers 401/));
    expect(others.found.get("qdrant")).toMatchObject(fail(/is no Qdrant server/));
    expect(others.found.get("temporal")).toMatchObject(fail(/Temporal .*127\.0\.0\.1/));
    for (const { found } of [tls, unheard])
      for (const name of ["temporal", "s3", "qdrant"]) expect(found.get(name)).toMatchObject(fail(/./));
    expect([refusing, others, tls, unheard].map(({ code }) => code)).toEqual([4, 4, 4, 4]);
    expect(tls.found.get("qdrant")).toMatchObject(fail(/TLS: wrong version number/));
    expect(unheard.milliseconds).toBeLessThan(60_000);
  }, 120_000);

  test("a second run in the same work folder in S3 is refused while the first one lives, and for a minute after", async () => {
    const args = index("docs", `${qdrant.uri}/busy`, "s3://corpus/busy");
    const { child, finished } = await start(args, options());
    const lock = await lockBelow(direct, "busy");
    const second = await failing(args);
    expect(second).toEqual(says(4, "E_STORE_BUSY", /s3:\/\/corpus\/busy\/.*lock\.json.*60 s/));
    child.kill("SIGKILL");
    await finished;
    expect((await failing(args)).code).toBe("E_STORE_BUSY");
    await direct.send(new DeleteObjectCommand({ Bucket: "corpus", Key: lock }));
    const third = await run(args, options());
    expect({ code: third.code, stderr: third.code === 0 ? "" : third.stderr }).toEqual({ code: 0, stderr: "" });
    await expect(direct.send(new HeadObjectCommand({ Bucket: "corpus", Key: lock }))).rejects.toThrow();
  }, 120_000);

  test("the workers of a Temporal server and a run beside them keep each other out", async () => {
    const temporal: TemporalServer = await startTemporal(folder);
    const fleet = { ...environment, TEMPORAL_ADDRESS: temporal.address };
    const workers: FleetWorker[] = [];
    try {
      const more = ["--concurrency", "2", "--token-budget", "64"];
      const { found } = await examine(["--model", tinyModel], options(fleet));
      const version = expect.stringMatching(/^\d+\.\d+/);
      expect(found.get("temporal")).toMatchObject({ status: "ok", facts: { version } });
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
