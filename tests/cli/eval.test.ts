import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { createSearcher } from "@millrace/workers";
import { run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../support/corpus.ts";
import { minilmDirectory } from "../support/minilm.ts";
import { childrenWith, until } from "../support/processes.ts";

const documents = Array.from({ length: 40 }, (_, index) => ({ _id: `d${index}`, title: "", text: words(index) }));
/** Each query is a document's text; half of them are judged to want another document as well. */
const queries = documents.slice(0, 12).map(({ text }, index) => ({ _id: `q${index}`, text }));
const judgements = queries.flatMap(({ _id }, index) => [
  [_id, `d${index}`, 2],
  ...(index % 2 === 0 ? [[_id, `d${index + 20}`, 1]] : []),
]);

describe("eval", () => {
  test("a query that is a document finds it first; the scores are those of the vectors", async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, beir(documents, queries, judgements));
    const { code, result } = await run(["eval", ".", "--model", tinyModel, "--json"], { cwd: folder });
    expect(code).toBe(0);
    expect(result).toMatchObject({ ok: true, documents: 40, queries: 12, mrrAt10: 1 });
    expect(await readdir(folder)).not.toContain(".millrace");

    const expected = meanOf(await rankings(folder), new Map(judgements.map(([q, d, grade]) => [`${q} ${d}`, grade])));
    expect(result.ndcgAt10).toBeCloseTo(expected, 6);
  }, 30_000);

  test("with nothing else to be found the score is 1, and the text says 100.00", async () => {
    const folder = await temporaryFolder();
    const alone = queries.map(({ _id }, index) => [_id, `d${index}`, 1]);
    await writeFiles(folder, beir(documents, queries, alone));
    const { stdout } = await run(["eval", ".", "--model", tinyModel], { cwd: folder });
    expect(stdout).toMatch(/^nDCG@10 +100\.00\nrecall@100 +100\.00\nMRR@10 +100\.00\n/);
  }, 30_000);

  test("a broken set is told with its place", async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, { ...beir(documents, queries, judgements), "queries.jsonl": '{"_id":"q0"}\n' });
    const broken = await run(["eval", ".", "--model", tinyModel], { cwd: folder });
    expect([broken.code, broken.stderr]).toEqual([
      2,
      expect.stringMatching(/^error E_USAGE: .*queries\.jsonl:1 .*\n$/),
    ]);
    await writeFiles(folder, { ...beir(documents, queries, []) });
    const unjudged = await run(["eval", ".", "--model", tinyModel], { cwd: folder });
    expect([unjudged.code, unjudged.stderr]).toEqual([2, expect.stringMatching(/no query has a judgement/)]);
  }, 30_000);

  test("Ctrl-C ends it with 130 and without an error", async () => {
    const folder = await temporaryFolder();
    const many = Array.from({ length: 30_000 }, (_, row) => ({
      _id: `d${row}`,
      title: "",
      text: `row ${row} of many`,
    }));
    await writeFiles(folder, beir(many, queries, judgements));
    const { child, finished } = await start(["eval", ".", "--model", tinyModel], { cwd: folder });
    await until(() => childrenWith("encoder-host", child.pid).length > 0, "the start of the encoder");
    child.kill("SIGINT");
    const { code, stderr, stdout } = await finished;
    expect([code, stdout]).toEqual([130, ""]);
    expect(stderr).not.toContain("error");
  }, 60_000);

  test("SciFact with all-MiniLM-L6-v2 gives nDCG@10 of 0.6451", async () => {
    const folder = resolve("../shared/data/scifact");
    const model = minilmDirectory();
    if (process.env.MILLRACE_SLOW_TESTS === undefined || model === undefined || !existsSync(folder)) {
      process.stderr.write("skipped: SciFact needs MILLRACE_SLOW_TESTS, ../shared/data/scifact and the model\n");
      return;
    }
    const { result } = await run(["eval", folder, "--model", model, "--json"], { cwd: await temporaryFolder() });
    expect(Math.abs((result.ndcgAt10 as number) - 0.6451)).toBeLessThan(0.001);
  }, 900_000);
});

type Judged = readonly (readonly (string | number)[])[];

function beir(corpus: readonly object[], asked: readonly object[], judged: Judged): Readonly<Record<string, string>> {
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  return {
    "corpus.jsonl": lines(corpus),
    "queries.jsonl": lines(asked),
    "qrels/test.tsv": `query-id\tcorpus-id\tscore\n${judged.map((line) => `${line.join("\t")}\n`).join("")}`,
  };
}

function words(seed: number): string {
  return madeUpMarkdown(seed, 1)
    .replaceAll(/[#\n]+/g, " ")
    .trim();
}

/** Documents by cosine to each query, from the vectors that `index` stores; a query's vector is its document's. */
async function rankings(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const fields = ["--id-field", "_id", "--text-field", "text", "--chunking-strategy", "truncate"];
  await run(["index", "corpus.jsonl", "--model", tinyModel, ...fields, "--json"], { cwd: folder });
  const vectors = new Map<string, Float32Array>();
  const searcher = createSearcher(`${folder}/.millrace/store`);
  for await (const { record, vector } of searcher.scan()) vectors.set(record.document, vector);
  await searcher.close();
  const dot = (left: Float32Array, right: Float32Array) => left.reduce((sum, x, at) => sum + x * (right[at] ?? 0), 0);
  return new Map(
    queries.map(({ _id }, index) => {
      const query = vectors.get(`d${index}`) as Float32Array;
      const ranked = [...vectors].sort(([, left], [, right]) => dot(query, right) - dot(query, left));
      return [_id, ranked.map(([key]) => key)];
    }),
  );
}

/** Mean nDCG@10 with linear gains. */
function meanOf(ranked: ReadonlyMap<string, readonly string[]>, grades: ReadonlyMap<unknown, unknown>): number {
  const gain = (all: readonly number[]) =>
    all.slice(0, 10).reduce((sum, grade, rank) => sum + grade / Math.log2(rank + 2), 0);
  const scores = [...ranked].map(([query, keys]) => {
    const found = keys.map((key) => Number(grades.get(`${query} ${key}`) ?? 0));
    return gain(found) / gain([...found].sort((a, b) => b - a));
  });
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}
