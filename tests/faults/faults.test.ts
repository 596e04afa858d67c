import { setTimeout as delay } from "node:timers/promises";
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { MillraceError } from "@millrace/core";
import { openBlobs, openSource } from "@millrace/workers";
import { FaultProxy } from "../services/fault-proxy.ts";
import { type QdrantServer, startQdrant } from "../services/qdrant-server.ts";
import { directS3, s3Keys, startS3Server } from "../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../services/server.ts";
import { randomNumbers } from "../support/corpus.ts";
import { expectedPoints, manifestIds, type PointText, runInMemory, storedPoints } from "../support/memory-run.ts";
import { MemoryCorpus, type MemoryRow } from "../support/memory-source.ts";

const weed = serviceProgram("weed");
const isHere = weed !== undefined && serviceProgram("python") !== undefined;
if (!isHere) process.stderr.write("skipped: no S3 and Qdrant servers could be brought\n");

const wantedFaults = 2_000;
/** Histories beside each other: what one waits for, the others use. */
const historiesAtOnce = 8;
/** Runs one after another that may end in an error that passes, or find objects changed. */
const mostAttempts = 25;
const words = ["the", "of", "and", "chunk", "heading", "unbreakable", "x", "12"];

(isHere ? describe : describe.skip)("between faulty servers", () => {
  let s3: TestServer;
  let qdrant: QdrantServer;
  let direct: S3Client;
  let s3Faults: FaultProxy;
  let qdrantFaults: FaultProxy;
  let faultyQdrant: string;

  beforeAll(async () => {
    const started = await startS3Server(weed as string);
    s3 = started.server;
    qdrant = (await startQdrant()) as QdrantServer;
    direct = directS3(started.endpoint);
    const both = ["error", "reset", "reset in the body", "body cut short", "slow body", "answer lost"] as const;
    s3Faults = new FaultProxy({ target: started.endpoint, seed: 1, rate: 0.12, kinds: [...both, "changed"] });
    qdrantFaults = new FaultProxy({ target: qdrant.url, seed: 2, rate: 0.12, kinds: [...both, "throttled"] });
    process.env.AWS_ENDPOINT_URL_S3 = await s3Faults.start();
    Object.assign(process.env, s3Keys);
    faultyQdrant = (await qdrantFaults.start()).replace("http:", "qdrant:");
  }, 90_000);

  afterAll(async () => {
    direct?.destroy();
    await Promise.all([s3Faults?.stop(), qdrantFaults?.stop()]);
    await Promise.all([s3?.kill(), qdrant?.stop()]);
  });

  test(`stores end as the corpora say, after ${wantedFaults} faults`, async () => {
    const total = () => s3Faults.total + qdrantFaults.total;
    const failures = new Map<string, number>();
    let checks = 0;
    const history = async (seed: number) => {
      const random = randomNumbers(seed);
      const prefix = `corpus-${seed}`;
      const corpus = new MemoryCorpus();
      const blobs = await openBlobs(`s3://corpus/work-${seed}`);
      const name = `history-${seed}`;
      const source = await retrying(failures, () =>
        openSource({ location: `s3://corpus/${prefix}/`, include: [], exclude: [] }),
      );
      while (total() < wantedFaults) {
        for (let change = 0; change < 4; change += 1) await changeObject(corpus, random, { direct, prefix });
        const runOnce = () => runInMemory({ corpus, blobs, source, store: `${faultyQdrant}/${name}` });
        if (random() < 0.3) {
          // Objects are replaced and removed while they are read: what comes of that run, the next one makes good.
          const running = runOnce().catch((error: unknown) => void passes(failures, error));
          for (let change = 0; change < 3; change += 1) {
            await delay(300 * random());
            await changeObject(corpus, random, { direct, prefix });
          }
          await running;
        }
        await retrying(failures, async () => {
          const { summary } = await runOnce();
          if (summary?.changedObjects !== 0) throw new MillraceError("E_OBJECT_CHANGED", "objects seemed to change");
        });
        expect({ seed, points: await storedPoints(`${qdrant.uri}/${name}`) }).toEqual({
          seed,
          points: await expectedOf(corpus),
        });
        const ids = await retrying(failures, () => manifestIds(blobs));
        expect(new Set(ids)).toEqual(new Set((await expectedOf(corpus)).keys()));
        expect(await workLeft(direct, `work-${seed}`)).toEqual([]);
        checks += 1;
      }
    };
    await Promise.all(Array.from({ length: historiesAtOnce }, (_, index) => history(index + 1)));
    const injected = { s3: s3Faults.counts, qdrant: qdrantFaults.counts };
    process.stderr.write(
      `${JSON.stringify(injected)}, ${checks} checks, runs ended by ${JSON.stringify([...failures])}\n`,
    );
    expect(total()).toBeGreaterThanOrEqual(wantedFaults);
    expect(checks).toBeGreaterThan(historiesAtOnce);
    for (const kind of ["error", "reset", "reset in the body", "body cut short", "slow body", "answer lost"] as const) {
      expect(s3Faults.counts[kind]).toBeGreaterThan(20);
    }
    expect(s3Faults.counts.changed).toBeGreaterThan(0);
  }, 400_000);
});

/** Does it again while it ends with an error that may pass; any other error is a defect. */
async function retrying<Result>(failures: Map<string, number>, act: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (attempt === mostAttempts) throw error;
      passes(failures, error);
    }
  }
}

/** Counts an error that may pass. @throws any other */
function passes(failures: Map<string, number>, error: unknown): void {
  if (!(error instanceof MillraceError) || error.facts.retry === "never") throw error;
  failures.set(error.code, (failures.get(error.code) ?? 0) + 1);
}

/** What a committed job should have cleared away. */
async function workLeft(direct: S3Client, work: string): Promise<readonly (string | undefined)[]> {
  const prefixes = ["plan/", "batches/", "vectors/", "done/"].map((prefix) => `${work}/${prefix}`);
  const pages = await Promise.all(
    prefixes.map((Prefix) => direct.send(new ListObjectsV2Command({ Bucket: "corpus", Prefix }))),
  );
  return pages.flatMap(({ Contents = [] }) => Contents.map(({ Key }) => Key));
}

interface Bucket {
  readonly direct: S3Client;
  readonly prefix: string;
}

/** Writes or removes one object, in memory and in the bucket alike; one always stays. */
async function changeObject(corpus: MemoryCorpus, random: () => number, { direct, prefix }: Bucket): Promise<void> {
  const key = `${Math.floor(random() * 9)}.jsonl`;
  const place = { Bucket: "corpus", Key: `${prefix}/${key}` };
  if (random() < 0.2 && corpus.objects.size > 1 && corpus.objects.has(key)) {
    corpus.objects.delete(key);
    await direct.send(new DeleteObjectCommand(place));
    return;
  }
  const rows = Array.from({ length: 1 + Math.floor(random() * 6) }, (_, row): MemoryRow => {
    const text = Array.from(
      { length: 3 + Math.floor(random() * 20) },
      () => words[Math.floor(random() * words.length)],
    );
    return { id: `${row}`, text: text.join(" ") };
  });
  corpus.set(key, rows);
  await direct.send(new PutObjectCommand({ ...place, Body: rows.map((row) => `${JSON.stringify(row)}\n`).join("") }));
}

async function expectedOf(corpus: MemoryCorpus): Promise<ReadonlyMap<string, PointText>> {
  const points = new Map<string, PointText>();
  for (const [key, { rows }] of corpus.objects) {
    for (const row of rows) for (const point of await expectedPoints(key, row)) points.set(...point);
  }
  return points;
}
