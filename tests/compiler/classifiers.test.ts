import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { compileClassifier, findCompiledClassifier, findHead } from "@millrace/compiler";
import { type InferenceSession, Tensor } from "onnxruntime-node";
import { distance, failureOf, openGraph, withCopy } from "./support.ts";

const cacheDirectory = mkdtempSync(join(tmpdir(), "millrace-classifiers-"));
afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

/** What tests/golden/make_tiny_classifiers.py wrote. */
interface Row {
  readonly ids: readonly number[];
  readonly segments: readonly number[];
  readonly logits: readonly number[];
}

const golden = join(import.meta.dirname, "../golden/tiny-classifiers");

describe.each(readdirSync(golden))("tiny classifier %s", (name) => {
  test("gives the logits that transformers gives, in whatever batch", async () => {
    const place = join(golden, name);
    const model = await compileClassifier(place, { cacheDirectory });
    const session = await openGraph(model.graphPath);
    const rows: readonly Row[] = JSON.parse(readFileSync(join(place, "golden.json"), "utf8"));
    for (const row of rows) {
      const alone = await run(session, [row]);
      expect(alone.length % model.labels.length).toBe(0);
      expect(distance(alone, Float32Array.from(row.logits))).toBeLessThan(1e-5);
      expect((await run(session, [row, row, row])).slice(-alone.length)).toEqual(alone);
    }
  });
});

test("what a classifier says of itself", async () => {
  const compile = (name: string) => compileClassifier(join(golden, name), { cacheDirectory });
  expect(await compile("bert-sequence")).toMatchObject({
    task: "SequenceClassification",
    labels: ["contradiction", "neutral", "entailment"],
    hasSegments: true,
    maxTokens: 24,
  });
  expect(await compile("roberta-sequence")).toMatchObject({
    labels: ["joy", "anger"],
    problem: "multi_label_classification",
    hasSegments: false,
    maxTokens: 22,
  });
  expect(await compile("bert-answers")).toMatchObject({ task: "QuestionAnswering", labels: ["start", "end"] });
  expect(await compile("distilbert-sequence")).toMatchObject({ labels: ["LABEL_0", "LABEL_1"] });
  expect(await compile("distilbert-tokens")).toMatchObject({
    task: "TokenClassification",
    labels: ["O", "B-PER", "I-PER"],
  });
});

test("what is compiled is found without compiling, until the model changes", () =>
  withCopy("../tiny-classifiers/bert-sequence", async (place, cache) => {
    const options = { cacheDirectory: cache };
    expect(await findCompiledClassifier(place, options)).toBeUndefined();
    const model = await compileClassifier(place, options);
    expect(await findCompiledClassifier(place, options)).toEqual(model);
    await appendFile(join(place, "config.json"), " ");
    expect(await findCompiledClassifier(place, options)).toBeUndefined();
    expect([await findHead(place), await findHead(cache)]).toEqual(["SequenceClassification", undefined]);
  }));

test("a model that judges nothing is refused in one line", () =>
  withCopy("roberta", async (place, cache) => {
    const compile = () => compileClassifier(place, { cacheDirectory: cache });
    expect(await failureOf(compile)).toMatchObject({
      code: "E_MODEL_UNSUPPORTED",
      fix: "Supported: one ForSequenceClassification, one ForTokenClassification, one ForQuestionAnswering.",
    });
    const config = JSON.parse(await readFile(join(place, "config.json"), "utf8"));
    await writeFile(join(place, "config.json"), JSON.stringify({ ...config, model_type: "modernbert" }));
    expect(await failureOf(compile)).toMatchObject({
      code: "E_MODEL_UNSUPPORTED",
      fix: "Supported: bert, camembert, distilbert, roberta, xlm-roberta.",
    });
  }));

async function run(session: InferenceSession, rows: readonly Row[]): Promise<Float32Array> {
  const shape = [rows.length, rows[0]?.ids.length ?? 0];
  const feed = (field: "ids" | "segments") =>
    new Tensor("int32", Int32Array.from(rows.flatMap((row) => row[field])), shape);
  const inputs = session.inputNames.map((name) => [name, feed(name as "ids" | "segments")]);
  const { logits } = await session.run(Object.fromEntries(inputs));
  return logits?.data as Float32Array;
}
