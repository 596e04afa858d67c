import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { compileClassifier } from "@millrace/compiler";
import {
  type Encoder,
  type GenerateJob,
  type Generator,
  greedyDecoding,
  type JudgingTask,
  MillraceError,
  type WritingTask,
} from "@millrace/core";
import {
  answerReader,
  compileTemplate,
  createGenerateSteps,
  createTask,
  type Entity,
  fileJournals,
  findAnswers,
  findEntities,
  folderBlobs,
  type GivenAnswer,
  loadWindowTokenizer,
  openSession,
  openSource,
  type PromptMaker,
  type SessionBinding,
  sessionBindings,
  taskPrompt,
} from "@millrace/workers";
import { generateCorpus } from "@millrace/workflows";
import { failureOf } from "../compiler/support.ts";

const golden = join(import.meta.dirname, "../golden/tiny-classifiers");
const folder = mkdtempSync(join(tmpdir(), "millrace-tasks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Score {
  readonly label: string;
  readonly score: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/** What tests/golden/make_tiny_classifiers.py wrote of transformers' pipelines. */
function tasksOf<Content>(name: string): Content {
  return JSON.parse(readFileSync(join(golden, name, "tasks.json"), "utf8")) as Content;
}

const usual = {
  by: "head",
  top: 100,
  labels: [],
  hypothesis: "This example is {}.",
  isMultiLabel: false,
  maxAnswerTokens: 15,
  allowsNoAnswer: false,
} as const satisfies Partial<JudgingTask>;

interface Request {
  readonly model: string;
  readonly task: JudgingTask["name"];
  readonly options?: Partial<JudgingTask>;
  readonly window?: JudgingTask["window"];
  readonly binding?: SessionBinding;
  /** Tokens of rows that the engine fails on. */
  readonly failsAt?: number;
}

interface TaskLine {
  readonly id: string;
  readonly error?: { readonly code: string };
  readonly [field: string]: unknown;
}

/** Does a task with rows as the command does, but with the model in this process. */
async function doTask(request: Request, rows: readonly object[]): Promise<readonly TaskLine[]> {
  const model = await compileClassifier(join(golden, request.model), { cacheDirectory: join(folder, "cache") });
  const { task: name, window = { maxTokens: model.maxTokens, overlap: 0 } } = request;
  const spec: JudgingTask = { ...usual, name, window, ...request.options };
  const task = createTask(model, spec);
  const tokenizer = await loadWindowTokenizer(model.tokenizerPath, {
    ...{ ...window, cutSide: task.cutSide },
    hasSegments: model.hasSegments,
  });
  const session = await openSession({ ...model, threads: 1, ...(request.binding && { binding: request.binding }) });
  const encode: Encoder["encode"] = async (batch) => {
    if (batch.length === request.failsAt) throw new MillraceError("E_ROW_ENCODE", "hosts died on this run");
    return session.run(batch);
  };
  const work = mkdtempSync(join(folder, "work-"));
  const source = { location: join(work, "rows.jsonl"), include: [], exclude: [] };
  await writeFile(source.location, rows.map((row) => JSON.stringify(row)).join("\n"));
  const encoder = { encode, dimensions: model.labels.length, tokenBudget: 64 } as Encoder;
  const steps = createGenerateSteps({
    blobs: folderBlobs(work),
    openJournal: fileJournals(work),
    source: await openSource(source),
    prompts: { encode: async () => [] } as unknown as PromptMaker,
    generator: {} as Generator,
    judge: { name, task, tokenizer, encoder },
  });
  const out = join(work, "out.jsonl");
  const job: GenerateJob = {
    ...{ format: "rows", source, prompts: { isChat: false, payload: [] }, task: spec, work, out },
    ...{
      model: { reference: request.model, precision: "fp32", graph: model.graphDigest },
      decoding: greedyDecoding,
      sequences: 1,
    },
    limits: { maxRowBytes: 1e6, maxObjectBytes: 1e6 },
  };
  const control = { checkpoint: async () => {}, wantsRest: () => false, report: () => {} };
  await generateCorpus({ steps, window: { limit: 2 }, ...control }, job);
  await session.close();
  const lines = readFileSync(out, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as TaskLine);
}

/** Scores that are the same but for the last bits. */
function close<Value extends { readonly score: number }>(expected: readonly Value[]) {
  return expected.map((value) => ({ ...value, score: expect.closeTo(value.score, 5) }));
}

describe("labels", () => {
  interface Labelled {
    readonly maxTokens: number;
    readonly texts: readonly { readonly text: string; readonly labels: readonly Score[] }[];
  }
  interface Hypotheses {
    readonly labels: readonly string[];
    readonly template: string;
    readonly texts: readonly (Labelled["texts"][number] & { readonly isMultiLabel: boolean })[];
  }

  test.each(["bert-sequence", "roberta-sequence", "distilbert-sequence"])("of %s are transformers'", async (model) => {
    const { texts, maxTokens } = tasksOf<Labelled>(model);
    const lines = await doTask({ model, task: "classify", window: { maxTokens, overlap: 0 } }, texts);
    expect(lines.map(({ labels }) => labels)).toEqual(texts.map(({ labels }) => close(labels)));
    expect(lines.map(({ truncated }) => truncated)).toEqual([undefined, undefined, undefined, true]);
  });

  test.each(sessionBindings)("of one's own, by entailment, are transformers' by $name", async (binding) => {
    const { hypotheses, maxTokens } = tasksOf<Labelled & { readonly hypotheses: Hypotheses }>("bert-sequence");
    const { labels, template: hypothesis, texts } = hypotheses;
    for (const isMultiLabel of [false, true]) {
      const rows = texts.filter((row) => row.isMultiLabel === isMultiLabel);
      const options = { labels, hypothesis, isMultiLabel };
      const window = { maxTokens, overlap: 0 };
      const lines = await doTask({ model: "bert-sequence", task: "classify", options, window, binding }, rows);
      expect(lines.map((line) => line.labels)).toEqual(rows.map((row) => close(row.labels)));
    }
  });
});

describe("entities", () => {
  interface Drawn {
    readonly labels: readonly string[];
    readonly logits: readonly number[];
    readonly entities: readonly Entity[];
  }
  const tokens = tasksOf<{
    maxTokens: number;
    overlap: number;
    texts: readonly { text: string; entities: readonly Entity[] }[];
    drawn: Drawn;
  }>("distilbert-tokens");

  test("of texts, long ones in windows, are transformers'", async () => {
    const lines = await doTask({ model: "distilbert-tokens", task: "ner", window: tokens }, tokens.texts);
    const expected = tokens.texts.map(({ text, entities }) =>
      close(entities).map((entity) => ({ ...entity, text: text.slice(entity.start, entity.end) })),
    );
    expect(lines.map(({ entities }) => entities)).toEqual(expected);
  });

  test("of drawn logits are transformers'", () => {
    const { labels, logits, entities } = tokens.drawn;
    const found = findEntities([windowOf(Float32Array.from(logits), labels.length)], labels);
    expect(found).toEqual(close(entities));
  });

  test("end where a label says so, if all labels say where they stand", () => {
    const labels = ["O", "B-A", "I-A", "E-A", "S-A"];
    const spansOf = (order: string, names: readonly string[]) => {
      const logits = Float32Array.from(
        [...order].flatMap((name) => labels.map((label) => (label[0] === name ? 9 : 0))),
      );
      return findEntities([windowOf(logits, labels.length)], names).map(({ start, end }) => [start / 3, (end + 1) / 3]);
    };
    expect(spansOf("BIESSOBEIE", labels)).toEqual([
      [0, 3],
      [3, 4],
      [4, 5],
      [6, 8],
      [8, 10],
    ]);
    // A label that only looks like such a position is a name of its own.
    expect(spansOf("BIES", ["O", "B-A", "I-A", "E-A", "mail"]).length).toBe(3);
  });

  test("of two windows that overlap: the longer one, of equally long ones the likelier", () => {
    const labels = ["O", "B-A", "I-A"];
    const wide = windowOf(Float32Array.from([0, 9, 0, 0, 0, 9]), 3);
    const narrow = windowOf(Float32Array.from([0, 5, 0]), 3);
    const surer = windowOf(Float32Array.from([0, 12, 0, 0, 0, 12]), 3);
    const only = (...windows: Parameters<typeof findEntities>[0][number][]) => findEntities(windows, labels);
    expect(only(narrow, wide)).toEqual(only(wide));
    expect(only(wide, surer)).toEqual(only(surer));
    expect(only(surer, wide)).toEqual(only(surer));
  });
});

describe("answers", () => {
  const { maxTokens, overlap, maxAnswerTokens, questions } = tasksOf<{
    maxTokens: number;
    overlap: number;
    maxAnswerTokens: number;
    questions: readonly { question: string; context: string; allowsNone: boolean; answers: readonly Span[] }[];
  }>("bert-answers");

  test.each([false, true])("are transformers', where there may be none: %p", async (allowsNoAnswer) => {
    const rows = questions.filter(({ allowsNone }) => allowsNone === allowsNoAnswer);
    const options = { top: 3, maxAnswerTokens, allowsNoAnswer };
    const window = { maxTokens, overlap };
    const lines = await doTask({ model: "bert-answers", task: "answer", options, window }, rows);
    const expected = rows.map(({ context, answers }) =>
      close(answers).map((answer) => ({ ...answer, text: context.slice(answer.start, answer.end) })),
    );
    expect(lines.map(({ answers }) => answers)).toEqual(expected);
  });

  test("begin before they end, are no longer than they may be, and lie in the context", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const logits = Float32Array.from({ length: 60 }, (_, index) => Math.sin(seed * 7.3 + index * index) * 6);
      const sides = Int8Array.from({ length: 30 }, (_, index) => (index === 0 ? -1 : index < 6 ? 0 : 1));
      const { window } = windowOf(logits, 2);
      const words = Int32Array.from(sides.keys());
      const wishes = { top: 5, maxAnswerTokens: 1 + (seed % 7), allowsNone: false };
      const found = findAnswers([{ window: { ...window, sides, words }, logits }], wishes);
      expect(found.length).toBe(5);
      for (const { start, end } of found) {
        const [first, last] = [start / 3, (end - 2) / 3];
        expect([first >= 6, last >= first, last < first + wishes.maxAnswerTokens]).toEqual([true, true, true]);
      }
    }
  });
});

test("a row that cannot be done has the reason in its line, and the others their results", async () => {
  const rows = [{ text: "t5" }, { text: "  " }, { body: 7 }, { other: "t5" }, { text: "t5" }];
  const lines = await doTask({ model: "distilbert-sequence", task: "classify", options: { top: 1 } }, rows);
  expect(lines.map(({ id, error }) => [id, error?.code])).toEqual([
    ["0", undefined],
    ["1", "E_ROW_FIELD"],
    ["2", undefined],
    ["3", "E_ROW_FIELD"],
    ["4", undefined],
  ]);
  expect(lines[4]?.labels).toEqual(lines[0]?.labels);
  // Five tokens with those around the text.
  const lengths = [{ text: "t5" }, { text: "t5 t6 t7" }, { text: "t5 t6" }];
  const some = await doTask({ model: "distilbert-sequence", task: "classify", failsAt: 5 }, lengths);
  expect(some.map(({ error, labels }) => [error?.code, labels === undefined])).toEqual([
    [undefined, false],
    ["E_ROW_ENCODE", true],
    [undefined, false],
  ]);
  const long = { question: "t5 t6 t7 t8 t9 t10 t11 t12 t13 t14", context: "t15 t16 t17 t18" };
  const window = { maxTokens: 16, overlap: 5 };
  const asked = [long, { question: "t5", context: "t6" }, { question: "t5" }];
  const answers = await doTask({ model: "bert-answers", task: "answer", window }, asked);
  expect(answers.map(({ error }) => error?.code)).toEqual(["E_ROW_CHUNK", undefined, "E_ROW_FIELD"]);
});

test("what cannot be done with a model is said before anything is read", async () => {
  const refused = (request: Request) => failureOf(() => doTask(request, []));
  expect(await refused({ model: "bert-answers", task: "ner" })).toMatchObject({
    code: "E_USAGE",
    why: "its bert has a head for QuestionAnswering, and ner needs one for TokenClassification",
    fix: "Use task answer, or name another model.",
  });
  const labels = ["sport"];
  expect(await refused({ model: "roberta-sequence", task: "classify", options: { labels } })).toMatchObject({
    code: "E_CONFIG",
    why: "none of its labels is entailment: joy, anger",
  });
  const options = { labels, hypothesis: "about sport" };
  expect(await refused({ model: "bert-sequence", task: "classify", options })).toMatchObject({ code: "E_CONFIG" });
  const window = { maxTokens: 12, overlap: 12 };
  expect(await refused({ model: "distilbert-tokens", task: "ner", window })).toMatchObject({ code: "E_CONFIG" });
});

describe("what a model generates", () => {
  const read = async (task: Partial<WritingTask>, answer: Partial<GivenAnswer>) => {
    const given = { text: "", finishReason: "stop", ...answer } as const;
    const readAnswer = await answerReader({ by: "generator", name: "extract", labels: [], ...task });
    const { text, error } = readAnswer(given);
    return error === undefined ? (JSON.parse(text) as unknown) : { code: error.code, why: error.why, text };
  };

  test("is a label where it is one and nothing else, as likely as its tokens", async () => {
    const task = { name: "classify", labels: ["Sport", "political news"] } as const;
    const logprobs = [-0.5, -0.25].map((logprob) => ({ id: 1, logprob, top: [] }));
    expect(await read(task, { text: " **sport.**\nBecause …", logprobs })).toEqual({
      labels: [{ label: "Sport", score: Math.exp(-0.75) }],
    });
    expect(await read(task, { text: "Political News" })).toEqual({ labels: [{ label: "political news" }] });
    const languages = { name: "classify", labels: ["C", "C++", "c#"] } as const;
    expect(await read(languages, { text: "c++" })).toEqual({ labels: [{ label: "C++" }] });
    expect(await read(languages, { text: "`C`" })).toMatchObject({ code: "E_ROW_ANSWER" });
    expect(await read(task, { text: "sport or politics" })).toMatchObject({
      code: "E_ROW_ANSWER",
      text: "sport or politics",
    });
  });

  test("is the first whole object in it, as the schema says, and is not repaired", async () => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: { name: { type: "string" }, price: { type: "number" } },
      required: ["name"],
      additionalProperties: false,
    };
    const text = 'Here:\n```json\n{"name": "a } \\" {", "price": 2.5}\n``` {"name": "b"}';
    expect(await read({ schema }, { text })).toEqual({ fields: { name: 'a } " {', price: 2.5 } });
    const why = (given: string, finishReason: GivenAnswer["finishReason"] = "stop") =>
      read({ schema }, { text: given, finishReason });
    expect(await why('{"price": "2"}')).toMatchObject({ code: "E_ROW_ANSWER", text: '{"price": "2"}' });
    expect(await why('{"price": 2}')).toMatchObject({ why: "it must have required property 'name'" });
    expect(await why('{"name": "a", "other": 1}')).toMatchObject({ why: expect.stringContaining("properties: other") });
    expect(await why("{'name': 'a'}")).toMatchObject({ why: expect.stringContaining("JSON") });
    expect(await why('{"name": "a', "length")).toMatchObject({ why: "it may not be longer" });
    expect(await why("I do not know.")).toMatchObject({ code: "E_ROW_ANSWER", text: "I do not know." });
    await expect(read({ schema: { type: "no such type" } }, {})).rejects.toThrow("the schema is no JSON schema");
  });
});

test("a model is asked as it was trained to be, and any other in words", () => {
  const t5 = {
    isChat: false,
    hasEncoder: true,
    taskParameters: {
      summarization: { prefix: "summarize: ", no_repeat_ngram_size: 3 },
      translation_en_to_de: { prefix: "translate English to German: " },
      translation_en_to_fr: { prefix: "translate English to French: " },
    },
  };
  const summarize = taskPrompt("summarize", t5, {});
  expect(compileTemplate(summarize.template)({ text: "A {{ b }}" })).toBe("summarize: A {{ b }}");
  expect(summarize.defaults).toEqual(t5.taskParameters.summarization);
  const french = taskPrompt("translate", t5, { to: "french" });
  expect(compileTemplate(french.template)({ text: "yes" })).toBe("translate English to French: yes");
  expect(() => taskPrompt("translate", t5, {})).toThrow("it was trained to translate English to German, English to");
  expect(() => taskPrompt("translate", t5, { from: "German", to: "English" })).toThrow("cannot translate so");
  const marian = { ...t5, taskParameters: {} };
  expect(compileTemplate(taskPrompt("translate", marian, {}).template)({ text: "oui" })).toBe("oui");
  const llama = { isChat: true, hasEncoder: false, taskParameters: {} };
  expect(() => taskPrompt("translate", llama, {})).toThrow("Name one with --to");
  const asked = compileTemplate(taskPrompt("translate", llama, { to: "French", from: "English" }).template);
  const task = { to: "French", from: "English" };
  expect(asked({ text: "yes", task })).toMatch(/^Translate .* from English to French\. .*\n\nyes$/);
  const plain = compileTemplate(taskPrompt("extract", { ...llama, isChat: false }, {}).template);
  expect(plain({ text: "yes", task: { schema: { type: "object" } } })).toMatch(/\{"type": "object"\}\.\n\nJSON:$/);
});

/** Tokens of two characters and one apart, all of the text. */
function windowOf(logits: Float32Array, labels: number) {
  const places = Int32Array.from({ length: logits.length / labels }, (_, index) => index * 3);
  const sides = new Int8Array(places.length);
  return { window: { sides, starts: places, ends: places.map((start) => start + 2) }, logits };
}
