import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../support/corpus.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";

let folder: string;
let collector: OtlpReceiver;

beforeAll(async () => {
  folder = await temporaryFolder();
  collector = await OtlpReceiver.start();
  for (let file = 0; file < 5; file += 1) await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file, 4) });
});

afterAll(() => collector?.stop());

test("a run is one trace, from the job down to engine runs and upserts", async () => {
  const args = ["index", "docs", "--model", tinyModel, "--store", "store", "--work", "work", "--hosts", "1"];
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
  const finished = await run(args, { cwd: folder, environment });
  expect(finished.code).toBe(0);
  expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1);
  const parents = Object.fromEntries(collector.spans.map(({ name }) => [name, collector.parentsOf(name)]));
  expect(parents).toEqual({
    job: ["root"],
    plan: ["job"],
    commit: ["job"],
    shard: ["job"],
    split: ["shard"],
    encode: ["shard"],
    write: ["shard"],
    batch: ["encode"],
    "engine run": ["batch"],
    upsert: ["write"],
  });
  const runs = collector.named("engine run").map(({ attributes }) => Number(attributes["millrace.tokens"]));
  const [encode] = collector.named("encode");
  // Chunks of equal texts run once.
  expect(runs.reduce((sum, tokens) => sum + tokens, 0)).toBe(encode?.attributes["millrace.tokens"]);
  expect(collector.named("engine run")[0]?.attributes).toMatchObject({ "millrace.device": "cpu" });
}, 60_000);
