import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Finished, run, temporaryFolder } from "../support/command-line.ts";

const model = resolve("tests/golden/tiny-decoders/llama");

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

interface Answer {
  readonly id: string;
  readonly text?: string;
  readonly sequence?: number;
  readonly finish_reason?: string;
  readonly generated_tokens?: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly payload?: object;
  readonly logprobs?: readonly unknown[];
}

function generate(args: readonly string[]): Promise<Finished> {
  return run(["generate", ...args, "--model", model, "--json"], { cwd: folder });
}

async function answers(name: string): Promise<readonly Answer[]> {
  const text = await readFile(join(folder, name), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

/** Words of the tiny model's tokenizer. */
const words = (count: number, seed: number) =>
  Array.from({ length: count }, (_, index) => `t${(7 + seed * 13 + index * index * 5) % 96}`).join(" ");

describe("a file of prompts", () => {
  test("is answered line for line, and each line that is no prompt gets the reason", async () => {
    const lines = [
      ...Array.from({ length: 40 }, (_, index) =>
        JSON.stringify({ id: `row ${index}`, prompt: words(1 + (index % 30), index), source: "made up", other: index }),
      ),
      "{",
      JSON.stringify({ id: "long", prompt: words(64, 1) }),
      JSON.stringify({ id: "empty", other: 1 }),
      JSON.stringify({ id: "chat", messages: [{ role: "user", content: "hello" }] }),
      JSON.stringify({ id: "row 3", prompt: "t1" }),
      JSON.stringify({ id: "last", prompt: words(5, 9) }),
    ];
    await writeFile(join(folder, "mixed.jsonl"), lines.join("\n"));
    const options = ["--temperature", "0", "--max-new-tokens", "10", "--id-field", "id", "--payload-fields", "source"];
    const job = ["mixed.jsonl", "--out", "mixed-answers.jsonl", ...options];
    const first = await generate(job);
    expect([first.code, first.result.error?.code]).toEqual([3, "E_QUARANTINE"]);
    expect(first.stderr.trim()).toMatch(/^error E_QUARANTINE: 5 prompts could not be answered: .*$/m);
    const got = await answers("mixed-answers.jsonl");
    expect(got.length).toBe(lines.length);
    expect(got.slice(0, 2).map(({ id, payload, error }) => ({ id, payload, error }))).toEqual([
      { id: "row 0", payload: { source: "made up" } },
      { id: "row 1", payload: { source: "made up" } },
    ]);
    const codes = ["E_ROW_PARSE", "E_ROW_PROMPT", "E_ROW_PROMPT", "E_ROW_PROMPT", "E_ROW_DUPLICATE", undefined];
    expect(got.slice(40).map(({ error }) => error?.code)).toEqual(codes);
    expect(got.at(-1)).toMatchObject({ id: "last", generated_tokens: expect.any(Number) });

    // Once more, with more failures allowed: nothing is generated again.
    const again = await generate([...job, "--max-quarantined", "5"]);
    expect([again.code, again.result.isUnchanged]).toEqual([0, true]);
    expect(await answers("mixed-answers.jsonl")).toEqual(got);
    const [work = ""] = readdirSync(join(folder, ".millrace/work"));
    const left = readdirSync(join(folder, ".millrace/work", work), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual(["job.json"]);
  });

  test("can be of fields and a template, with several answers to each prompt, drawn anew for each", async () => {
    await writeFile(join(folder, "fields.csv"), "id,first,second\na,t5,t6\nb,t7,t8\n");
    await writeFile(join(folder, "prompt.jinja"), "{{ first }} t1{% if second %} {{ second }}{% endif %}");
    await writeFile(join(folder, "same.jsonl"), '{"id":"a","prompt":"t5 t1 t6"}\n{"id":"b","prompt":"t7 t1 t8"}\n');
    const options = ["--id-field", "id", "--temperature", "1", "--top-p", "1", "--num-return-sequences", "3"];
    const more = [...options, "--max-new-tokens", "6", "--logprobs", "2"];
    const [templated, plain] = await Promise.all([
      generate(["fields.csv", "--template", "prompt.jinja", "--out", "templated.jsonl", "--work", "w1", ...more]),
      generate(["same.jsonl", "--out", "plain.jsonl", "--work", "w2", ...more]),
    ]);
    expect([templated.code, plain.code]).toEqual([0, 0]);
    const got = await answers("templated.jsonl");
    expect(got).toEqual(await answers("plain.jsonl"));
    expect(got.map(({ id, sequence }) => `${id}${sequence}`)).toEqual(["a0", "a1", "a2", "b0", "b1", "b2"]);
    expect(new Set(got.map(({ text }) => text)).size).toBe(6);
    for (const { logprobs, generated_tokens } of got) expect(logprobs?.length).toBe(generated_tokens);
  });
});

test("the example job takes its settings from its file", async () => {
  const places = ["--out", join(folder, "functions.jsonl"), "--work", join(folder, "functions")];
  const args = ["generate", "prompts.jsonl", "--model", model, "--json", ...places];
  const { code, result } = await run(args, { cwd: resolve("examples/code-generation") });
  expect([code, result.rows, result.failed]).toEqual([0, 10, 0]);
  const got = await answers("functions.jsonl");
  expect(got.slice(0, 2).map(({ id }) => id)).toEqual(["is_prime", "fibonacci"]);
  expect(Number(result.promptTokens)).toBeGreaterThan(100);
  const again = [...args, "--temperature", "0", "--out", join(folder, "greedy.jsonl")];
  expect((await run(again, { cwd: resolve("examples/code-generation") })).code).toBe(0);
  expect(await answers("greedy.jsonl")).not.toEqual(got);
});

test("one prompt is answered on standard output, the same for the same seed", async () => {
  const args = ["generate", "--prompt", "t1 t2", "--model", model, "--max-new-tokens", "8", "--temperature", "1"];
  const [first, again, other] = await Promise.all(
    ["7", "7", "8"].map((seed) => run([...args, "--seed", seed, "--num-return-sequences", "2"], { cwd: folder })),
  );
  expect([first?.code, first?.stderr]).toEqual([0, ""]);
  expect(first?.stdout).toMatch(/^( t\d+)+\n---\n( t\d+)+\n$/);
  expect(again?.stdout).toBe(first?.stdout);
  expect(other?.stdout).not.toBe(first?.stdout);
});

describe("what cannot be done is said in one line", () => {
  test.each([
    [["--prompt", "t1", "--top-p", "0"], 2, /^error E_USAGE: flag --top-p cannot be used/],
    [
      ["--prompt", "t1", "--min-new-tokens", "9", "--max-new-tokens", "8"],
      2,
      /minNewTokens is 9, more than maxNewTokens/,
    ],
    [["--prompt", "t1", "--chat"], 2, /^error E_USAGE: the model is no chat model/],
    [["--prompt", "t1", "mixed.jsonl"], 2, /^error E_USAGE: there are prompts twice/],
    [["--prompt", "t1", "--device", "cuda:0"], 4, /^error E_DEVICE: text is generated on a processor only/],
    [["mixed.jsonl"], 2, /^error E_USAGE: there is no place for the answers/],
    [["nothing.jsonl", "--out", "x.jsonl"], 4, /^error E_SOURCE_MISSING/],
    [
      ["mixed.jsonl", "--out", "x.jsonl", "--template", "none.jinja"],
      2,
      /^error E_CONFIG: the template .* cannot be read/,
    ],
    [["-", "--out", "x.jsonl", "--on", "temporal"], 2, /^error E_USAGE: standard input cannot be answered on temporal/],
    [["mixed.jsonl", "--out", "."], 2, /^error E_CONFIG: .* is a folder/],
  ])("%j", async (args, code, line) => {
    const { stderr, ...finished } = await run(["generate", ...args, "--model", model], { cwd: folder });
    expect(finished.code).toBe(code);
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd().split("\n").length).toBe(1);
  });
});
