import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, test } from "@jest/globals";
import { run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";

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

test("a model without a head is asked in words, and each answer that is none keeps its text", async () => {
  const model = resolve("tests/golden/tiny-decoders/llama");
  const rows = Array.from({ length: 12 }, (_, index) => ({ id: `row ${index}`, body: `t${index} t7 t9`, kept: index }));
  await writeFile(
    join(folder, "plain.jsonl"),
    [...rows, { id: "no text" }].map((row) => JSON.stringify(row)).join("\n"),
  );
  await writeFile(join(folder, "short.jinja"), "{{ task.fields | first }} {{ text }}");
  const place = ["plain.jsonl", "--model", model, "--id-field", "id", "--max-new-tokens", "6"];
  const more = ["--template", "short.jinja", "--payload-fields", "kept", "--work", "extract"];
  const [extract, summarize, given] = await Promise.all([
    task(["extract", ...place, "--fields", "t11,t12", "--out", "fields.jsonl", ...more]),
    task(["summarize", ...place, "--out", "summaries.jsonl", "--work", "summarize"]),
    task(["classify", ...place, "--labels", "a", "--hypothesis", "{}", "--out", "x.jsonl"]),
  ]);
  expect([extract.code, extract.result.failed, extract.result.by]).toEqual([3, 13, "generator"]);
  expect((await lines("fields.jsonl")).slice(0, 2)).toEqual(
    rows.slice(0, 2).map(({ id, kept }) => ({
      ...{ path: "plain.jsonl", id, payload: { kept } },
      ...{ error: { code: "E_ROW_ANSWER", message: expect.any(String) }, text: expect.stringMatching(/t\d+/) },
    })),
  );
  expect([summarize.code, summarize.result.failed]).toEqual([3, 1]);
  const summaries = await lines("summaries.jsonl");
  expect(summaries.map(({ id }) => id)).toEqual([...rows.map(({ id }) => id), "12"]);
  expect(summaries[3]).toMatchObject({ summary: expect.stringMatching(/^t\d+/), generated_tokens: 6 });
  expect(summaries.at(-1)).toMatchObject({ error: { code: "E_ROW_FIELD" } });
  expect([given.code, given.stderr.trim()]).toEqual([
    2,
    "error E_USAGE: flag --hypothesis has no meaning for task classify with this model: the model generates. Leave it out, or name another model.",
  ]);
});

test("a model with an encoder is asked, and searches, as its config.json says it was trained to", async () => {
  await cp(resolve("tests/golden/tiny-sequences/t5"), join(folder, "t5"), { recursive: true });
  const config = JSON.parse(await readFile(join(folder, "t5/config.json"), "utf8"));
  const summarization = { prefix: "t5 t6 ", num_beams: 3, max_length: 12, min_length: 4, no_repeat_ngram_size: 2 };
  const changed = { ...config, task_specific_params: { summarization } };
  await writeFile(join(folder, "t5/config.json"), JSON.stringify(changed));
  const texts = Array.from({ length: 6 }, (_, index) => `t${index * 7} t${index * 3} t40`);
  await writeFile(join(folder, "texts.jsonl"), texts.map((text) => JSON.stringify({ text })).join("\n"));
  await writeFile(
    join(folder, "prompts.jsonl"),
    texts.map((text) => JSON.stringify({ prompt: `t5 t6 ${text}` })).join("\n"),
  );
  const decoding = [
    "--num-beams",
    "3",
    "--max-new-tokens",
    "11",
    "--min-new-tokens",
    "3",
    "--distinct-ngram-size",
    "2",
  ];
  const place = ["--model", "t5", "--json"];
  const [summarize, generate] = await Promise.all([
    task(["summarize", "texts.jsonl", ...place, "--out", "short.jsonl", "--work", "short"]),
    run(["generate", "prompts.jsonl", ...place, ...decoding, "--out", "generated.jsonl"], { cwd: folder }),
  ]);
  expect([summarize.code, generate.code]).toEqual([0, 0]);
  const expected = (await lines("generated.jsonl")) as readonly { text: string }[];
  expect((await lines("short.jsonl")).map(({ summary }) => summary)).toEqual(expected.map(({ text }) => text.trim()));
});

test("a store's points carry the result of their document", async () => {
  await mkdir(join(folder, "docs"));
  const texts = ["t5 t6 t7", "t30 t31 t44 t8", "t9 t50"];
  await Promise.all(texts.map((text, index) => writeFile(join(folder, "docs", `${index}.txt`), text)));
  const place = ["docs", "--work", "labelled", "--store", "labelled-store"];
  expect((await run(["index", ...place, "--model", tinyModel], { cwd: folder })).code).toBe(0);
  await writeFile(join(folder, "docs", "new.txt"), "t5");
  const kind = ["--payload-field", "kind", "--out", "kinds.jsonl", "--model", modelNamed("roberta-sequence")];
  const { code, stderr, result } = await task(["classify", ...place, ...kind]);
  expect([code, result.stored]).toEqual([0, { documents: 3, missing: 1, points: 3 }]);
  expect(stderr).toMatch(/^store +labelled-store: 3 documents, 1 not in it, 3 points written$/m);
  const kinds = (await lines("kinds.jsonl")) as readonly { path: string; labels: readonly { label: string }[] }[];
  for (const name of new Set(kinds.map(({ labels }) => labels[0]?.label))) {
    const asked = ["search", "t5", "--store", "labelled-store", "--filter", `payload.kind:${name}`, "--json"];
    const { stdout } = await run(asked, { cwd: folder });
    const hits = stdout.split("\n").flatMap((line) => /"path":"(\d\.txt)"/.exec(line)?.[1] ?? []);
    const expected = kinds.filter(({ path, labels }) => path !== "new.txt" && labels[0]?.label === name);
    expect(hits.sort()).toEqual(expected.map(({ path }) => path));
  }
  const elsewhere = await task(["classify", ...place, ...kind, "--corpus", "other"]);
  expect([elsewhere.code, elsewhere.result.error?.message]).toEqual([2, expect.stringContaining("no document of")]);
});

test("a task that is killed goes on, and judges no row twice", async () => {
  const rows = Array.from({ length: 4_000 }, (_, index) =>
    JSON.stringify({ text: Array.from({ length: 20 }, (__, place) => `t${4 + ((index * 7 + place) % 50)}`).join(" ") }),
  );
  await writeFile(join(folder, "many.jsonl"), rows.join("\n"));
  const place = (name: string) => ["--out", `${name}.jsonl`, "--work", name, "--hosts", "1"];
  const command = (name: string) => ["classify", "many.jsonl", "--model", modelNamed("bert-sequence"), ...place(name)];
  const { child, finished } = await start(["task", ...command("killed")], { cwd: folder });
  while (child.exitCode === null && doneRows(join(folder, "killed")) < 300) await delay(5);
  child.kill("SIGKILL");
  await finished;
  const before = doneRows(join(folder, "killed"));
  expect(before).toBeGreaterThanOrEqual(300);
  const last = await task(command("killed"));
  expect([last.code, last.result.rows, last.result.newAnswers]).toEqual([0, rows.length, rows.length - before]);
  expect((await task(command("calm"))).code).toBe(0);
  expect(await lines("killed.jsonl")).toEqual(await lines("calm.jsonl"));
});

/** Rows that a job has finished: whole lines of its journals, and those of its finished batches. */
function doneRows(work: string): number {
  try {
    const job = join(work, readdirSync(work)[0] ?? "");
    const under = (part: string, ending: string) =>
      readdirSync(join(job, part), { recursive: true, withFileTypes: true })
        .filter(({ name }) => name.endsWith(ending))
        .map(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8"));
    const journalled = under("journal", ".jsonl").map((text) => text.split("\n").length - 1);
    const finished = existsSync(join(job, "texts")) ? under("texts", ".json") : [];
    const counts = [...journalled, ...finished.map((text) => (JSON.parse(text) as { rows: number }).rows)];
    return counts.reduce((sum, count) => sum + count, 0);
  } catch {
    return 0;
  }
}

test("what is wrong is said in one line", async () => {
  await writeFile(join(folder, "text.jsonl"), '{"text":"t5"}');
  const tried = (name: string, args: readonly string[]) => task([name, "text.jsonl", ...args]);
  const [noModel, noOut, noSuchHead] = await Promise.all([
    tried("ner", ["--out", "x.jsonl"]),
    tried("ner", ["--model", modelNamed("distilbert-tokens")]),
    tried("ner", ["--model", modelNamed("bert-answers"), "--out", "x.jsonl"]),
  ]);
  expect([noModel, noOut, noSuchHead].map(({ code }) => code)).toEqual([2, 2, 2]);
  expect(noModel.stderr.trim()).toMatch(/^error E_USAGE: there is no model for the task\. .*$/);
  expect(noOut.stderr.trim()).toMatch(/^error E_USAGE: there is no place for the answers\. Name a file with --out\.$/);
  expect(noSuchHead.stderr.trim()).toMatch(/^error E_USAGE: the model is none for ner: .* Use task answer, .*$/);
});
