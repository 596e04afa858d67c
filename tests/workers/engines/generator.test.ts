import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type CompiledGenerator, compileGenerator } from "@millrace/compiler";
import { type DecodingOptions, type GeneratedRow, type GenerateRequest, greedyDecoding } from "@millrace/core";
import { bestDecoderBinding, GeneratorPool, type GeneratorPoolOptions, planMemory } from "@millrace/workers";
import { temporaryFolder } from "../../support/command-line.ts";
import { randomNumbers } from "../../support/corpus.ts";
import { signal } from "../../support/processes.ts";

const place = resolve("tests/golden/tiny-decoders/llama");
const bindings = bestDecoderBinding === "native" ? (["native", "npm"] as const) : (["npm"] as const);

let model: CompiledGenerator;
beforeAll(async () => {
  model = await compileGenerator(place, { precision: "fp32", cacheDirectory: await temporaryFolder() });
});

const pools: GeneratorPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function open(options: Partial<GeneratorPoolOptions> = {}): GeneratorPool {
  const pool = new GeneratorPool({ model, chunkTokens: 8, cacheBytes: 1 << 20, ...options });
  pools.push(pool);
  return pool;
}

function request(promptIds: readonly number[], decoding: Partial<DecodingOptions> = {}): GenerateRequest {
  const options = { ...greedyDecoding, maxNewTokens: 12, ...decoding };
  return { promptIds: Int32Array.from(promptIds), decoding: options, sequence: 0 };
}

/** Prompts that often begin alike, of every length, some of them to be drawn for. */
function mixed(count: number): readonly GenerateRequest[] {
  const random = randomNumbers(3);
  const upTo = (limit: number) => Math.floor(random() * limit);
  return Array.from({ length: count }, (_, index) => {
    const length = 1 + upTo(40);
    const prompt = Array.from({ length }, (_, position) => (index % 2 === 0 && position < 16 ? 9 : upTo(96)));
    const sampled = index % 4 === 0 ? { temperature: 0.9, topP: 0.95, seed: index } : {};
    return request(prompt, { maxNewTokens: 1 + upTo(20), stopIds: [0, 5], ...sampled });
  });
}

const answerAll = (pool: GeneratorPool, requests: readonly GenerateRequest[]) =>
  Promise.all(requests.map((each) => pool.generate(each)));

describe.each(bindings)("over the %s binding", (binding) => {
  test("greedy answers are transformers'", async () => {
    const golden = JSON.parse(readFileSync(`${place}/golden.json`, "utf8")) as {
      readonly rows: readonly { readonly prompt: readonly number[]; readonly greedy: readonly number[] }[];
    };
    const pool = open({ binding });
    const answers = await answerAll(
      pool,
      golden.rows.map(({ prompt, greedy }) => request(prompt, { maxNewTokens: greedy.length })),
    );
    expect(answers.map(({ ids }) => [...ids])).toEqual(golden.rows.map(({ greedy }) => greedy));
  });

  test("200 mixed prompts together get what each gets alone, token for token", async () => {
    const requests = mixed(200);
    const together = await answerAll(open({ binding }), requests);
    const alone = open({ binding, maximumRows: 1 });
    for (const [index, each] of requests.entries())
      expect({ index, ...together[index] }).toEqual({ index, ...(await alone.generate(each)) });
  });
});

test("every binding, and any number of lanes, gives the same answers", async () => {
  const requests = mixed(60);
  const shapes = [...bindings.map((binding) => ({ binding })), { lanes: 2 }];
  const answers = await Promise.all(shapes.map((shape) => answerAll(open(shape), requests)));
  for (const other of answers.slice(1)) expect(other).toEqual(answers[0]);
});

describe("a host", () => {
  test("that is killed again and again loses nothing", async () => {
    const requests = mixed(120);
    const expected = await answerAll(open(), requests);
    const restarts: string[] = [];
    const pool = open({ onRestart: (reason) => restarts.push(reason) });
    let isDone = false;
    const answers = answerAll(pool, requests).finally(() => {
      isDone = true;
    });
    while (!isDone && restarts.length < 4) {
      await delay(5);
      const { pid } = pool;
      if (pid === undefined) continue;
      await delay(25);
      // It may have been replaced meanwhile.
      signal(pid, "SIGKILL");
      await delay(50);
    }
    expect(await answers).toEqual(expected);
    expect(restarts.length).toBeGreaterThan(0);
  });

  test("that dies on one row is replaced until that row stands alone; the others are answered", async () => {
    const outside = model.vocabularySize + 7;
    const requests = [...mixed(9), request([1, outside]), ...mixed(5)];
    const results: PromiseSettledResult<GeneratedRow>[] = await Promise.allSettled(
      requests.map((each) => pools[0]?.generate(each) ?? open().generate(each)),
    );
    const failed = results.flatMap((result, index) => (result.status === "rejected" ? [[index, result.reason]] : []));
    expect(failed).toEqual([[9, expect.objectContaining({ code: "E_ROW_GENERATE" })]]);
    expect(String(failed[0]?.[1])).toMatch(/the engine dies on this prompt each time: .*out of data bounds/);
  });
});

test("a prompt that leaves no room is refused, and an answer ends where the context does", async () => {
  const pool = open();
  const ids = (length: number) => Array.from({ length }, (_, index) => 1 + (index % 90));
  await expect(pool.generate(request(ids(64)))).rejects.toMatchObject({
    code: "E_ROW_PROMPT",
    message: "the prompt cannot be answered: it has 64 tokens, and the model takes 64 with the answer. Shorten it.",
  });
  await expect(pool.generate(request([]))).rejects.toMatchObject({ code: "E_ROW_PROMPT" });
  const { ids: answer, finishReason } = await pool.generate(request(ids(60), { maxNewTokens: 50 }));
  expect([answer.length, finishReason]).toEqual([4, "length"]);
});

test("a model that does not fit is refused before it is loaded, and how much it needs is said", () => {
  const sizes = { weightBytes: 3e9, cacheBytesPerToken: 100_000, contextLength: 4_096, leastRows: 1 };
  expect(() => planMemory(sizes, { maximumRows: 8, freeBytes: 4e9 })).toThrow(
    "the model does not fit into this machine's memory: its weights take 6.00 GB and keys and values 0.05 GB, 4.00 GB are free",
  );
  expect(() => planMemory(sizes, { maximumRows: 8, freeBytes: 8e9, cacheBytes: 3e9 })).toThrow(
    "3.00 GB, 8.00 GB are free",
  );
  expect(planMemory(sizes, { maximumRows: 8, freeBytes: 8e9 })).toMatchObject({
    memoryBytes: 1e9,
    bytesPerToken: 100_000,
  });
});
