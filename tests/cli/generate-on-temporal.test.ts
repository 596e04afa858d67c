import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { directS3, s3Keys, startS3Server } from "../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../services/server.ts";
import { startTemporal } from "../services/temporal-server.ts";
import { run, start, temporaryFolder, tinyGenerator } from "../support/command-line.ts";
import { madeUpPrompts, writeFiles } from "../support/corpus.ts";
import { type FleetWorker, startFleetWorker } from "../support/fleet.ts";
import { until } from "../support/processes.ts";

const s3 = serviceProgram("weed");
const isHere = serviceProgram("temporal") !== undefined && s3 !== undefined;
if (!isHere) process.stderr.write("skipped: no Temporal or no S3 server could be brought\n");

const rows = 1_500;
const batchRows = 100;

(isHere ? describe : describe.skip)("answers from a fleet whose work lies in S3", () => {
  let folder: string;
  let servers: readonly TestServer[] = [];
  let endpoint: string;
  let environment: Readonly<Record<string, string>>;
  const workers: FleetWorker[] = [];

  const options = () => ({ cwd: folder, environment });
  const generate = (out: string, ...more: readonly string[]) => [
    ...["generate", "prompts.jsonl", "--model", tinyGenerator, "--id-field", "id", "--json", "--out", out],
    ...["--temperature", "0.9", "--max-new-tokens", "30", "--max-quarantined", `${rows}`, ...more],
  ];
  const onFleet = (...more: readonly string[]) => ["--on", "temporal", "--work", "s3://corpus/work", ...more];
  const startWorker = async (...more: readonly string[]) => {
    const generator = ["--model", tinyGenerator, "--batch-size", `${batchRows}`, "--batch-rows", "4"];
    const worker = await startFleetWorker({ ...options(), arguments: [...generator, "--concurrency", "2", ...more] });
    workers.push(worker);
    return worker;
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFiles(folder, { "prompts.jsonl": madeUpPrompts(rows) });
    const [temporal, store] = await Promise.all([startTemporal(folder), startS3Server(s3 as string)]);
    servers = [temporal.server, store.server];
    endpoint = store.endpoint;
    const region = { AWS_ENDPOINT_URL: endpoint, AWS_REGION: "us-east-1" };
    environment = { TEMPORAL_ADDRESS: temporal.address, ...region, ...s3Keys };
  }, 120_000);

  afterAll(async () => {
    for (const { child } of workers) child.kill("SIGKILL");
    for (const server of servers) await server.kill();
  });

  test("says within seconds that nobody generates, and that the output cannot be written", async () => {
    await startWorker("--queues", "orchestrate,io");
    const { code, result } = await run(generate("s3://corpus/none.jsonl", ...onFleet()), options());
    expect({ code, error: result.error }).toEqual({
      code: 4,
      error: { code: "E_WORKER_MISSING", message: expect.stringMatching(/millrace-generate-[0-9a-f]{16}-cpu/) },
    });
    await startWorker("--queues", "generate");
    const refused = await run(generate(".", ...onFleet()), options());
    expect([refused.code, refused.result.error?.code]).toEqual([2, "E_CONFIG"]);
    expect(refused.stderr).toMatch(/is a folder/);
  }, 60_000);

  test("are those of one process, line for line, when workers are killed, and is paused and scaled meanwhile", async () => {
    const calm = await run(generate("calm.jsonl"), options());
    expect([calm.code, calm.result.rows, calm.result.failed]).toEqual([0, rows, rows / 50]);
    const running = await start(generate("s3://corpus/out/answers.jsonl", ...onFleet()), options());
    const client = directS3(endpoint);
    const keys = async (kind: RegExp) => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: "corpus", Prefix: "work/" }));
      return Contents.filter(({ Key = "" }) => kind.test(Key)).map(({ Key = "" }) => Key);
    };
    let id = "";
    running.child.stdout?.on("data", (text: string) => {
      id ||= /"job":"(generate-[0-9a-f]{16})"/.exec(text)?.[1] ?? "";
    });
    await until(async () => (await keys(/\/texts\/.*json$/)).length > 0, "the first batch", 30_000);
    for (const worker of workers.splice(0)) {
      worker.child.kill("SIGKILL");
      await worker.finished;
    }
    const [kept] = await Promise.all([
      keys(/\/texts\/.*json$/),
      startWorker("--queues", "orchestrate,io,generate"),
      startWorker("--queues", "generate"),
    ]);
    expect(kept.length).toBeLessThan(rows / batchRows);
    const scaled = await run(["jobs", "scale", id, "--in-flight", "3", "--json"], options());
    expect([scaled.code, (scaled.result.progress as { batches: { limit: number } }).batches.limit]).toEqual([0, 3]);
    for (const command of ["pause", "show", "resume"])
      expect([command, (await run(["jobs", command, id], options())).code]).toEqual([command, 0]);
    const { code, result, stderr } = await running.finished;
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const { failed, promptTokens, generatedTokens } = calm.result;
    expect(result).toMatchObject({ rows, failed, promptTokens, generatedTokens });
    const { Body } = await client.send(new GetObjectCommand({ Bucket: "corpus", Key: "out/answers.jsonl" }));
    expect(await Body?.transformToString()).toBe(await readFile(join(folder, "calm.jsonl"), "utf8"));
    expect((await keys(/./)).filter((key) => !/done\/|lock\.json/.test(key))).toEqual([]);
    client.destroy();
  }, 120_000);
});
