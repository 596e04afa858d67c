import { createReadStream, existsSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type QdrantServer, startQdrant } from "../services/qdrant-server.ts";
import { directS3, s3Keys, startS3Server } from "../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../services/server.ts";
import { startTemporal, type TemporalServer } from "../services/temporal-server.ts";
import { run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, randomNumbers } from "../support/corpus.ts";
import { type FleetWorker, startFleetWorker } from "../support/fleet.ts";

const weed = serviceProgram("weed");
const isHere = weed !== undefined && serviceProgram("temporal") !== undefined && serviceProgram("python") !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal, S3 and Qdrant servers could be brought\n");

const documents = 40_000;
const chunksPerBatch = 16;
const workerKills = 30;
const serverKills = 3;
/** Of all batches, that may be encoded twice. */
const mostRedone = 0.02;

type Victim = "worker" | "temporal" | "s3";

(isHere ? describe : describe.skip)("a fleet whose parts die", () => {
  let folder: string;
  let environment: Readonly<Record<string, string>>;
  let temporal: TemporalServer;
  let s3: TestServer;
  let qdrant: QdrantServer;
  const workers: FleetWorker[] = [];
  const begun: string[] = [];

  const index = (store: string, work: string, ...more: readonly string[]) => [
    ...["index", "s3://corpus/pages/", "--model", tinyModel, "--json", "--store", store, "--work", work],
    // Little to encode for each document: what is under test is who does it, and that it is done once.
    ...["--id-field", "id", "--chunking-strategy", "truncate", "--max-tokens", "16", ...more],
  ];
  const startWorker = (): Promise<FleetWorker> =>
    startFleetWorker({
      cwd: folder,
      environment,
      arguments: ["--concurrency", "1", "--batch-size", `${chunksPerBatch}`],
    });
  const collect = (worker: FleetWorker) => begun.push(...worker.begun);

  beforeAll(async () => {
    folder = await temporaryFolder();
    const [server, store] = [await startS3Server(weed as string), await startQdrant()];
    s3 = server.server;
    qdrant = store as QdrantServer;
    temporal = await startTemporal(folder);
    environment = {
      TEMPORAL_ADDRESS: temporal.address,
      AWS_ENDPOINT_URL: server.endpoint,
      ...s3Keys,
      AWS_REGION: "us-east-1",
    };
    await upload(server.endpoint, await corpusObjects());
  }, 180_000);

  afterAll(async () => {
    for (const { child } of workers) child.kill("SIGKILL");
    await Promise.all([temporal?.server.kill(), s3?.kill(), qdrant?.stop()]);
  });

  test(`${documents} documents are there once each, whatever is killed, and few batches are encoded twice`, async () => {
    expect((await run(index("calm", "calm-work"), { cwd: folder, environment })).code).toBe(0);
    const expected = await pointsOf(`${folder}/calm`);
    expect(expected.size).toBeGreaterThan(0.9 * documents);
    const batches = Math.ceil(expected.size / chunksPerBatch);

    workers.push(...(await Promise.all([startWorker(), startWorker(), startWorker()])));
    const store = `${qdrant.uri}/pages`;
    const job = await start(index(store, "s3://corpus/work", "--on", "temporal"), { cwd: folder, environment });
    const done = () => begun.length + workers.reduce((sum, worker) => sum + worker.begun.length, 0);
    let isOver = false;
    void job.finished.then(() => {
      isOver = true;
    });

    // Spread evenly over the work, so that every phase of it is disturbed, however fast this machine is.
    const random = randomNumbers(40);
    const victims = shuffled(
      [
        ...Array<Victim>(workerKills).fill("worker"),
        ...Array(serverKills).fill("temporal"),
        ...Array(serverKills).fill("s3"),
      ],
      random,
    );
    const killed: Victim[] = [];
    for (const [turn, victim] of victims.entries()) {
      const due = (batches * (turn + 1)) / (victims.length + 2);
      while (done() < due && !isOver) await delay(25);
      if (isOver) break;
      killed.push(victim);
      if (victim === "worker") {
        const place = Math.floor(random() * workers.length);
        const worker = workers[place] as FleetWorker;
        worker.child.kill("SIGKILL");
        await worker.finished;
        collect(worker);
        workers[place] = await startWorker();
      } else {
        const server = victim === "s3" ? s3 : temporal.server;
        await server.kill();
        await server.start();
      }
    }

    const { code, stderr, result } = await job.finished;
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    workers.forEach(collect);
    const count = (kind: Victim) => killed.filter((victim) => victim === kind).length;
    expect([count("worker"), count("temporal"), count("s3")]).toEqual([workerKills, serverKills, serverKills]);
    expect(result.points).toBe(expected.size);
    expect(differences(await pointsOf(store), expected)).toEqual([]);
    const encoded = new Set(begun).size;
    const redone = begun.length - encoded;
    process.stderr.write(`${encoded} batches, ${redone} of them begun again after ${killed.length} kills\n`);
    expect(encoded).toBeGreaterThanOrEqual(batches);
    expect(redone).toBeLessThanOrEqual(mostRedone * encoded);
  }, 1_800_000);
});

/** What one store has and the other has not, or has otherwise; a few of them. */
function differences(found: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): readonly string[] {
  const ids = new Set([...found.keys(), ...expected.keys()]);
  return [...ids].filter((id) => found.get(id) !== expected.get(id)).slice(0, 5);
}

function shuffled<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

/** Objects of JSON lines by their keys: real pages in many languages where they are at hand, made-up ones elsewhere. */
async function corpusObjects(): Promise<ReadonlyMap<string, string[]>> {
  const objects = new Map<string, string[]>();
  const add = (key: string, line: string) => objects.set(key, [...(objects.get(key) ?? []), line]);
  const pages = resolve("../shared/data/tldr-pages/corpus.jsonl.gz");
  if (!existsSync(pages)) {
    for (let id = 0; id < documents; id += 1) {
      add(`${id % 40}.jsonl`, JSON.stringify({ id: `${id}`, text: madeUpMarkdown(id, 1) }));
    }
    return objects;
  }
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(pages).pipe(createGunzip()) })) lines.push(line);
  const byLanguage = Map.groupBy(lines, (line) => (JSON.parse(line) as { lang: string }).lang);
  return new Map([...byLanguage].map(([language, rows]) => [`${language}.jsonl`, rows]));
}

async function upload(endpoint: string, objects: ReadonlyMap<string, string[]>): Promise<void> {
  const client = directS3(endpoint);
  for (const [key, lines] of objects) {
    const Body = `${lines.join("\n")}\n`;
    await client.send(new PutObjectCommand({ Bucket: "corpus", Key: `pages/${key}`, Body }));
  }
  client.destroy();
}
