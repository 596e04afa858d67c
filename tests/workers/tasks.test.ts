import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { compileClassifier } from "@millrace/compiler";
import { type Encoder, MillraceError } from "@millrace/core";
import {
  createTask,
  type Entity,
  findAnswers,
  findEntities,
  loadWindowTokenizer,
  openSession,
  openSource,
  runTask,
  type SessionBinding,
  sessionBindings,
  type TaskLine,
  type TaskName,
  type TaskOptions,
} from "@millrace/workers";
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

const usual: TaskOptions = {
  top: 100,
  labels: [],
  hypothesis: "This example is {}.",
  isMultiLabel: false,
  maxAnswerTokens: 15,
  allowsNoAnswer: false,
};

interface Request {
  readonly model: string;
  readonly task: TaskName;
  readonly options?: Partial<TaskOptions>;
  readonly window?: { readonly maxTokens: number; readonly overlap: number };
  readonly binding?: SessionBinding;
  /** Tokens of rows that the engine fails on. */
  readonly failsAt?: number;
}

/** Does a task with rows as the command does, but with the model in this process. */
async function doTask(request: Request, rows: readonly object[]): Promise<readonly TaskLine[]> {
  const model = await compileClassifier(join(golden, request.model), { cacheDirectory: join(folder, "cache") });
  const task = createTask(request.task, model, { ...usual, ...request.options });
  const window = request.window ?? { maxTokens: model.maxTokens, overlap: 0 };
  const place = { ...window, cutSide: task.cutSide, hasSegments: model.hasSegments };
  const session = await openSession({ ...model, threads: 1, ...(request.binding && { binding: request.binding }) });
  const encode: Encoder["encode"] = async (batch) => {
    if (batch.length === request.failsAt) throw new MillraceError("E_ROW_ENCODE", "hosts died on this run");
    return session.run(batch);
  };
  const path = join(folder, `${request.model}.jsonl`);
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  const lines: TaskLine[] = [];
  const context = {
    source: await openSource({ location: path, include: [], exclude: [] }),
    fields: { text: [], isTextOptional: !task.readsText, payload: ["*"] },
    kept: [],
    limits: { maxRowBytes: 1e6, maxObjectBytes: 1e6 },
    task,
    tokenizer: await loadWindowTokenizer(model.tokenizerPath, place),
    encoder: { encode, dimensions: model.labels.length, tokenBudget: 64 } as Encoder,
    stop: new AbortController().signal,
  };
  for await (const group of runTask(context)) lines.push(...group.lines);
  await session.close();
  return lines;
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

/** Tokens of two characters and one apart, all of the text. */
function windowOf(logits: Float32Array, labels: number) {
  const places = Int32Array.from({ length: logits.length / labels }, (_, index) => index * 3);
  const sides = new Int8Array(places.length);
  return { window: { sides, starts: places, ends: places.map((start) => start + 2) }, logits };
}
