import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import type { VerifyReport } from "@millrace/core";
import { createSearcher } from "@millrace/workers";
import { cosine } from "../compiler/support.ts";
import { readTinyGolden, texts, tinyModelPath } from "../compiler/tiny-models.ts";
import { type Finished, run, temporaryFolder } from "../support/command-line.ts";
import { writeFiles } from "../support/corpus.ts";

let folder: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  const rows = texts.map((text, id) => JSON.stringify({ id: `row-${id}`, text }));
  const prose = `# Rivers\n\n${texts.slice(2, 8).join("\n\n")}\n\n${texts[9]}\n`;
  await writeFiles(folder, { "texts.jsonl": rows.join("\n"), "prose.md": prose });
});

const common = ["--json", "--hosts", "1"];

function index(source: string, model: string, ...options: readonly string[]): Promise<Finished> {
  const directory = isAbsolute(model) ? model : tinyModelPath(model);
  return run(["index", source, "--model", directory, ...common, ...options], { cwd: folder });
}

async function expectVerified(...place: readonly string[]): Promise<void> {
  const { code, result } = await run(["verify", "--sample", "1000", ...place, ...common], { cwd: folder });
  const { sampled, points } = result as unknown as VerifyReport;
  expect([code, result.ok, sampled]).toEqual([0, true, points]);
}

interface Hit {
  readonly score: number;
  readonly document: string;
}

async function search(store: string, query: string, ...options: readonly string[]): Promise<readonly Hit[]> {
  const place = ["--store", store, "--top", "20", "--json"];
  const { code, stdout } = await run(["search", query, ...place, ...options], { cwd: folder });
  expect(code).toBe(0);
  const events = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return events.filter(({ type }) => type === "hit");
}

/** Prompts and causal attention; texts cut on the left; no special tokens; a graph whose rows must stand alone. Least cosine. */
const kinds = [
  ["qwen3", 0.99999],
  ["cut-left", 0.99999],
  ["model2vec", 0.99999],
  ["onnx-int8", 0.999],
] as const;

test.each(kinds)("%s puts sentence-transformers' vectors into a store, and they are verified", async (name, least) => {
  const place = ["--store", `store-${name}`, "--work", `work-${name}`];
  const { code } = await index("texts.jsonl", name, ...place, "--id-field", "id", "--chunking-strategy", "truncate");
  expect(code).toBe(0);
  const found = new Map<string, Float32Array>();
  for await (const { record, vector } of createSearcher(join(folder, `store-${name}`)).scan())
    found.set(record.document, vector);
  expect(found.size).toBe(texts.length);
  for (const [row, document] of readTinyGolden(name).documents.entries())
    expect(cosine(found.get(`row-${row}`) as Float32Array, document)).toBeGreaterThanOrEqual(least);
  await expectVerified(...place);
});

test("questions have a model of their own where they are asked with it, as transformers encodes them", async () => {
  const place = ["--store", "store-dpr", "--work", "work-dpr", "--id-field", "id"];
  expect((await index("texts.jsonl", "dpr", ...place, "--chunking-strategy", "truncate")).code).toBe(0);
  const [question, documents] = [readTinyGolden("dpr-question").queries[2], readTinyGolden("dpr").documents];
  const hits = await search("store-dpr", texts[2] as string, "--question-model", tinyModelPath("dpr-question"));
  expect(hits).toHaveLength(texts.length);
  for (const { score, document } of hits) {
    const row = Number(document.replace("row-", ""));
    expect(score).toBeCloseTo(cosine(question as Float32Array, documents[row] as Float32Array), 4);
  }
  const bare = ["search", "water", "--store", "store-dpr"];
  const [without, other] = await Promise.all([
    run(bare, { cwd: folder }),
    run([...bare, "--question-model", tinyModelPath("pool-cls-mean-max")], { cwd: folder }),
  ]);
  expect([without.code, without.stderr]).toEqual([
    0,
    expect.stringMatching(/^warning: DPR .* --question-model names$/m),
  ]);
  expect([other.code, other.stderr]).toEqual([4, expect.stringMatching(/^error E_STORE_SCHEMA: .* the store's 32\. /)]);
});

describe("prompts", () => {
  test("a query has the model's own, as sentence-transformers encodes queries", async () => {
    const { queries, documents } = readTinyGolden("qwen3");
    const hits = await search("store-qwen3", texts[2] as string);
    expect(hits).toHaveLength(texts.length);
    for (const { score, document } of hits) {
      const row = Number(document.replace("row-", ""));
      expect(score).toBeCloseTo(cosine(queries[2] as Float32Array, documents[row] as Float32Array), 4);
    }
  });

  test("chunks have theirs in every retelling of their text; another makes another store", async () => {
    const place = ["--store", "prose", "--work", "work-prose"];
    const indexed = await index("prose.md", "nomic-bert", ...place, "--max-tokens", "60");
    expect([indexed.code, indexed.result.store.points > 2]).toEqual([0, true]);
    await expectVerified(...place);
    const other = ["--max-tokens", "60", "--document-prompt", "clustering: "];
    const mixed = await index("prose.md", "nomic-bert", ...place, ...other);
    expect([mixed.code, mixed.result.error?.code]).toEqual([4, "E_STORE_FINGERPRINT"]);
  });
});

test("a model that takes long texts gets short chunks, but whole texts where they are to be cut instead", async () => {
  const model = join(folder, "long-model");
  await cp(tinyModelPath("qwen3"), model, { recursive: true });
  for (const [name, field] of [
    ["config.json", "max_position_embeddings"],
    ["tokenizer_config.json", "model_max_length"],
  ] as const) {
    const values = JSON.parse(await readFile(join(model, name), "utf8"));
    await writeFile(join(model, name), JSON.stringify({ ...values, [field]: 2048 }));
  }
  const tokens = async (name: string, ...options: readonly string[]) => {
    const place = ["--store", `long-${name}`, "--work", `work-long-${name}`];
    const run = await index("prose.md", model, ...place, ...options);
    expect([run.code, run.result.error]).toEqual([0, undefined]);
    const jobs = join(folder, `work-long-${name}`, "jobs");
    const [job = ""] = await readdir(jobs);
    return JSON.parse(await readFile(join(jobs, job), "utf8")).chunking.maxTokens;
  };
  expect(await tokens("usual")).toBe(512);
  expect(await tokens("more", "--max-tokens", "1000")).toBe(1000);
  expect(await tokens("whole", "--chunking-strategy", "truncate")).toBe(2048);
});

test("vectors are cut to the dimensions asked for, in the store and for its queries", async () => {
  expect((await index("texts.jsonl", "xlm-roberta", "--store", "cut", "--dimensions", "8")).code).toBe(0);
  expect((await createSearcher(join(folder, "cut")).schema()).dimensions).toBe(8);
  const [best] = await search("cut", texts[5] as string);
  expect(best?.document).toBe("5");
  expect(best?.score).toBeGreaterThan(0.9999);
});
