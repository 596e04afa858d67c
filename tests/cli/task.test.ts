import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { run, temporaryFolder } from "../support/command-line.ts";

const modelNamed = (name: string) => resolve("tests/golden/tiny-classifiers", name);

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

function task(args: readonly string[]) {
  return run(["task", ...args, "--json"], { cwd: folder });
}

async function lines(name: string): Promise<readonly Record<string, unknown>[]> {
  const text = await readFile(join(folder, name), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("each row of a corpus gets its label, or the reason why it has none, in order", async () => {
  const rows = Array.from({ length: 600 }, (_, index) => ({
    id: `row ${index}`,
    words: Array.from({ length: 1 + (index % 30) }, (__, place) => `t${4 + ((index * 7 + place) % 50)}`).join(" "),
    from: index,
  }));
  const bad = ["{", JSON.stringify({ id: "empty", words: "" }), JSON.stringify({ id: "other", text: "t5" })];
  await writeFile(join(folder, "corpus.jsonl"), [...rows.map((row) => JSON.stringify(row)), ...bad].join("\n"));
  const fields = ["--text-field", "words", "--id-field", "id", "--payload-fields", "from"];
  const place = ["--model", modelNamed("bert-sequence"), "--out", "labels.jsonl"];
  const { code, stderr, result } = await task(["classify", "corpus.jsonl", ...place, ...fields]);
  expect([code, result.error?.code, result.rows, result.failed]).toEqual([3, "E_QUARANTINE", 603, 3]);
  expect(stderr).toMatch(/^error E_QUARANTINE: 3 rows could not be labelled: .*labels\.jsonl\.$/m);
  const got = await lines("labels.jsonl");
  expect(got.slice(0, 600).map(({ id, payload }) => [id, payload])).toEqual(rows.map(({ id, from }) => [id, { from }]));
  expect(got[0]).toMatchObject({
    path: "corpus.jsonl",
    labels: [{ label: expect.stringMatching(/^(contradiction|neutral|entailment)$/), score: expect.any(Number) }],
  });
  expect(got.slice(600).map(({ error }) => (error as { code: string }).code)).toEqual([
    "E_ROW_PARSE",
    "E_ROW_FIELD",
    "E_ROW_FIELD",
  ]);
  // A pair's segments reach the model in its own process: what transformers says of the same pairs.
  const { hypotheses } = JSON.parse(await readFile(join(modelNamed("bert-sequence"), "tasks.json"), "utf8"));
  const [first] = hypotheses.texts;
  await writeFile(join(folder, "one.jsonl"), JSON.stringify({ text: first.text }));
  const tried = ["--labels", hypotheses.labels.join(","), "--hypothesis", hypotheses.template, "--top", "3"];
  const own = ["--model", modelNamed("bert-sequence"), "--out", "own.jsonl"];
  expect((await task(["classify", "one.jsonl", ...own, ...tried])).code).toBe(0);
  const [line] = (await lines("own.jsonl")) as readonly { labels: readonly { label: string; score: number }[] }[];
  for (const [index, { label, score }] of first.labels.entries())
    expect(line?.labels[index]).toEqual({ label, score: expect.closeTo(score, 5) });
});

test("entities and answers lie where their offsets say", async () => {
  const text = "t17 t40x3 t23 😀 t9";
  const question = { question: "t5 t6", context: text };
  await writeFile(join(folder, "rows.jsonl"), JSON.stringify({ text, ...question }));
  const [ner, answer] = await Promise.all([
    task(["ner", "rows.jsonl", "--model", modelNamed("distilbert-tokens"), "--out", "entities.jsonl"]),
    task(["answer", "rows.jsonl", "--model", modelNamed("bert-answers"), "--out", "answers.jsonl", "--top", "2"]),
  ]);
  expect([ner.code, answer.code]).toEqual([0, 0]);
  const [[{ entities } = {}], [{ answers } = {}]] = [await lines("entities.jsonl"), await lines("answers.jsonl")];
  const spans = [entities, answers].flat() as readonly { text: string; start: number; end: number }[];
  expect(spans.length).toBeGreaterThan(3);
  for (const { text: part, start, end } of spans) expect(part).toBe(text.slice(start, end));
});

test("what is wrong is said in one line", async () => {
  await writeFile(join(folder, "text.jsonl"), '{"text":"t5"}');
  const tried = (name: string, args: readonly string[]) => task([name, "text.jsonl", ...args]);
  const [noModel, noOut, noSuchHead] = await Promise.all([
    tried("ner", ["--out", "x.jsonl"]),
    tried("ner", ["--model", modelNamed("distilbert-tokens")]),
    tried("ner", ["--model", modelNamed("bert-answers"), "--out", "x.jsonl"]),
  ]);
  expect([noModel, noOut, noSuchHead].map(({ code }) => code)).toEqual([2, 2, 2]);
  expect(noModel.stderr.trim()).toMatch(/^error E_USAGE: there is no model with a head for the task\. .*$/);
  expect(noOut.stderr.trim()).toMatch(/^error E_USAGE: there is no place for the results\. Name a file with --out\.$/);
  expect(noSuchHead.stderr.trim()).toMatch(/^error E_USAGE: the model is none for ner: .* Use task answer, .*$/);
});
