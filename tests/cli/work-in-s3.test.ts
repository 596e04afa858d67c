import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { s3Keys, startS3Server } from "../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../services/server.ts";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, writeFiles } from "../support/corpus.ts";

const program = serviceProgram("weed");
if (program === undefined) process.stderr.write("skipped: no S3 server could be brought\n");

(program === undefined ? describe.skip : describe)("a work folder in S3", () => {
  let folder: string;
  let server: TestServer;
  let environment: Readonly<Record<string, string>>;
  const command = (...args: readonly string[]) => run([...args, "--json"], { cwd: folder, environment });
  const work = ["--work", "s3://corpus/work/"];

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (let file = 0; file < 5; file += 1) await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file) });
    await writeFiles(folder, { "docs/rows.jsonl": '{"text":"a row"}\n{"text": broken}\n' });
    const started = await startS3Server(program as string);
    server = started.server;
    environment = {
      AWS_ENDPOINT_URL: started.endpoint,
      AWS_REGION: "us-east-1",
      ...s3Keys,
    };
  }, 120_000);
  afterAll(() => server?.kill());

  test("knows its jobs: they are verified and tried again by name, and its kept vectors are loaded", async () => {
    const index = ["index", "docs", "--model", tinyModel, "--store", "source", "--keep-vectors", ...work];
    expect((await command(...index)).code).toBe(3);
    const verified = await command("verify", "source", "--sample", "9", ...work);
    expect([verified.code, verified.result.sampled, verified.result.quarantined]).toEqual([0, 9, 1]);
    await writeFiles(folder, { "docs/rows.jsonl": '{"text":"a row"}\n{"text":"repaired"}\n' });
    const retried = await command("retry", ...work);
    expect([retried.code, retried.result.healed, retried.result.quarantined]).toEqual([0, 1, 0]);
    const place = `s3://corpus/work/${String(verified.result.job)}`;
    for (const [from, store] of [
      [place, "loaded"],
      [`${place}/vectors/`, "again"],
    ] as const) {
      const loaded = await command("load", from, "--store", store);
      expect({ from, code: loaded.code, stderr: loaded.stderr }).toMatchObject({ from, code: 0 });
      expect(await pointsOf(join(folder, store))).toEqual(await pointsOf(join(folder, "source")));
    }
    const nothing = await command("load", "s3://corpus/elsewhere", "--store", "never");
    expect([nothing.code, nothing.result.error?.code]).toEqual([4, "E_VECTORS_MISSING"]);
    const noBucket = await command("verify", "--work", "s3://no-such-bucket/work");
    expect([noBucket.code, noBucket.result.error?.code]).toEqual([4, "E_BUCKET_MISSING"]);
  }, 120_000);
});
