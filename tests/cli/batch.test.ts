import { cp, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Finished, run, temporaryFolder, tinyModel } from "../support/command-line.ts";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  // A chat model of a kind: what is said, then t3.
  await cp(resolve("tests/golden/tiny-decoders/llama"), join(folder, "model"), { recursive: true });
  const chat_template =
    "{% for message in messages %}{{ message.content }} {% endfor %}{% if messages|length > 3 %}{{ raise_exception('too much') }}{% endif %}t3";
  await writeFile(join(folder, "model/tokenizer_config.json"), JSON.stringify({ chat_template }));
});

interface Line {
  readonly custom_id: string | null;
  readonly response: {
    readonly status_code: number;
    readonly body: {
      readonly object: string;
      readonly model: string;
      readonly error?: { readonly message: string; readonly code: string };
      readonly choices: readonly {
        readonly index: number;
        readonly text?: string;
        readonly message?: { readonly role: string; readonly content: string };
        readonly finish_reason: string;
        readonly logprobs: {
          readonly content: readonly { readonly token: string; readonly top_logprobs: object[] }[];
        } | null;
      }[];
      readonly usage: Record<string, number>;
    };
  };
}

const chat = "/v1/chat/completions";
const line = (custom_id: string, url: string, body: object) => ({ custom_id, method: "POST", url, body });
const says = (...contents: readonly string[]) => contents.map((content) => ({ role: "user", content }));

async function batch(
  name: string,
  requests: readonly (object | string)[],
  more: readonly string[] = [],
): Promise<Finished> {
  const text = requests.map((request) => (typeof request === "string" ? request : JSON.stringify(request))).join("\n");
  await writeFile(join(folder, `${name}.jsonl`), text);
  const args = ["batch", `${name}.jsonl`, "--model", "./model", "--out", `${name}-out.jsonl`, "--temperature", "0"];
  return run([...args, "--max-new-tokens", "5", "--json", ...more], { cwd: folder });
}

async function linesOf(name: string): Promise<readonly Line[]> {
  const text = (await readFile(join(folder, name), "utf8")).trimEnd();
  return text === "" ? [] : text.split("\n").map((each) => JSON.parse(each) as Line);
}

describe("an OpenAI batch file", () => {
  test("is answered as the API answers it, failures in a file of their own", async () => {
    const finished = await batch("first", [
      line("chat", chat, { model: "m", messages: says("t1 t2"), max_tokens: 4, logprobs: true, top_logprobs: 2 }),
      line("several", "/v1/completions", { prompt: "t1 t2 t3", n: 2, temperature: 1, seed: 3, max_tokens: 6 }),
      line("same", "/v1/completions", { prompt: "t1 t2 t3", max_tokens: 4 }),
      line("stopped", chat, { messages: says("t1 t2"), stop: [" "] }),
      line("endpoint", "/v1/images", {}),
      line("tools", chat, { messages: says("t1"), tools: [{ type: "function" }] }),
      line("hot", chat, { messages: says("t1"), temperature: "hot" }),
      line("wrong", "/v1/completions", { prompt: "t1", top_p: 7 }),
      line("refused", chat, { messages: says("t1", "t2", "t3", "t4") }),
      line("none", chat, {}),
      { method: "POST", url: chat, body: {} },
      '{"custom_id": "cut',
    ]);
    expect([finished.code, finished.result.failed, finished.result.error?.code]).toEqual([3, 8, "E_QUARANTINE"]);
    const lines = await linesOf("first-out.jsonl");
    expect(lines.map(({ custom_id }) => custom_id)).toEqual(["chat", "several", "same", "stopped"]);
    const bodies = lines.map(({ response }) => response.body);
    expect(bodies.map(({ object, model }) => `${object} ${model}`)).toEqual([
      "chat.completion model",
      "text_completion model",
      "text_completion model",
      "chat.completion model",
    ]);
    // What the chat's template makes of it is the other's prompt.
    expect(bodies[0]?.choices[0]?.message).toEqual({ role: "assistant", content: bodies[2]?.choices[0]?.text });
    expect(bodies[0]?.choices[0]?.logprobs?.content.map(({ top_logprobs }) => top_logprobs.length)).toEqual([
      2, 2, 2, 2,
    ]);
    expect(bodies[0]?.usage).toEqual({ prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 });
    const [one, other] = bodies[1]?.choices ?? [];
    expect([one?.index, other?.index, one?.text === other?.text]).toEqual([0, 1, false]);
    expect(bodies[3]?.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "" } });
    const failures = await linesOf("first-out.errors.jsonl");
    expect(failures.map(({ custom_id, response }) => [custom_id, response.body.error?.message])).toEqual([
      ["endpoint", expect.stringMatching(/url .*\/v1\/chat\/completions/)],
      ["tools", expect.stringMatching(/body\.tools .*not supported/)],
      ["hot", expect.stringMatching(/body\.temperature .*must be a number/)],
      ["wrong", expect.stringMatching(/topP must be/)],
      ["refused", expect.stringMatching(/too much/)],
      ["none", expect.stringMatching(/body\.messages .*missing/)],
      [null, expect.stringMatching(/custom_id .*must be a text/)],
      [null, expect.stringMatching(/not JSON/)],
    ]);
    for (const { response } of failures) expect(response.status_code).toBe(400);
  });

  test("of nothing but good requests leaves an empty file of failures", async () => {
    const { code } = await batch("good", [line("a", "/v1/completions", { prompt: "t5" })], ["--errors", "none.jsonl"]);
    expect([code, await linesOf("none.jsonl")]).toEqual([0, []]);
  });
});

test("requests that want vectors get those of the model for them, with or without one that generates", async () => {
  const requests = [
    line("two", "/v1/embeddings", { input: ["some words", "other words"] }),
    line("bytes", "/v1/embeddings", { input: "some words", encoding_format: "base64" }),
    line("empty", "/v1/embeddings", { input: [] }),
    line("text", "/v1/completions", { prompt: "t1" }),
  ].map((request) => JSON.stringify(request));
  await writeFile(join(folder, "vectors.jsonl"), requests.join("\n"));
  const args = ["batch", "vectors.jsonl", "--embedding-model", tinyModel, "--max-quarantined", "2", "--out", "v.jsonl"];
  const finished = await run([...args, "--json"], { cwd: folder });
  expect([finished.code, finished.result.failed]).toEqual([0, 2]);
  const lines = (await readFile(join(folder, "v.jsonl"), "utf8")).trimEnd().split("\n");
  const [two, bytes] = lines.map((each) => JSON.parse(each).response.body);
  expect(two).toMatchObject({ object: "list", data: [{ index: 0 }, { index: 1 }] });
  expect(two.usage.prompt_tokens).toBeGreaterThan(bytes.usage.prompt_tokens);
  const vector: number[] = two.data[0].embedding;
  expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  const decoded = Buffer.from(bytes.data[0].embedding, "base64");
  expect(Array.from({ length: vector.length }, (_, index) => decoded.readFloatLE(4 * index))).toEqual(vector);
  const failures = await linesOf("v.errors.jsonl");
  expect(failures.map(({ response }) => response.body.error?.message)).toEqual([
    expect.stringMatching(/body\.input/),
    expect.stringMatching(/wants text, and there is no model for it/),
  ]);
});

test("ask answers from passages that fit and names them", async () => {
  await writeFile(join(folder, "notes.jsonl"), '{"id":"a","text":"t1 t2 t3"}\n{"id":"b","text":"t4 t5"}\n');
  const at = { cwd: folder };
  const indexed = await run(["index", "notes.jsonl", "--model", tinyModel, "--id-field", "id", "--quiet"], at);
  expect(indexed.code).toBe(0);
  const asked = ["ask", "t4 t5", "--model", "./model", "--max-new-tokens", "4", "--temperature", "0"];
  const [fitting, shown, tooLong] = await Promise.all([
    run([...asked, "--json"], at),
    run([...asked, "--show-context", "--top", "1"], at),
    run(["ask", "t4 t5", "--model", "./model", "--max-new-tokens", "63"], at),
  ]);
  const events = fitting.stdout
    .trimEnd()
    .split("\n")
    .map((each) => JSON.parse(each) as { type: string; number?: number });
  const numbers = events.filter(({ type }) => type === "source").map(({ number }) => number);
  expect(numbers.length).toBeGreaterThan(0);
  expect(fitting.result).toMatchObject({ ok: true, generatedTokens: 4, finishReason: "length" });
  expect(shown.stdout).toMatch(/Question: t4 t5.*\n\n.*\n\n\[1\] \d\.\d{3} {2}notes\.jsonl#/s);
  expect([tooLong.code, tooLong.stderr]).toEqual([
    3,
    expect.stringMatching(/^error E_ROW_PROMPT: the question cannot be answered/),
  ]);
});
