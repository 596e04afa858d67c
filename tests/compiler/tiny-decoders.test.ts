import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { compileGenerator } from "@millrace/compiler";
import {
  continueGreedily,
  emptyPast,
  joinPasts,
  type OpenDecoder,
  openDecoder,
  type Past,
  readDecoderGolden,
  step,
} from "./decoders.ts";
import { cosine, distance, failureOf, openGraph, withFolder } from "./support.ts";

const cacheDirectory = mkdtempSync(join(tmpdir(), "millrace-decoders-"));
afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

const golden = join(import.meta.dirname, "../golden/tiny-decoders");
const capacity = 48;

describe.each(readdirSync(golden))("tiny decoder %s", (name) => {
  const place = join(golden, name);

  test("gives the tokens and logits that transformers gives", async () => {
    const decoder = await openDecoder(place, cacheDirectory);
    const { rows, logits } = readDecoderGolden(place);
    for (const { prompt, greedy } of rows)
      expect(await continueGreedily(decoder, prompt, greedy.length)).toEqual(greedy);
    const { prompt = [] } = rows[1] ?? {};
    const width = decoder.model.vocabularySize;
    for (const wanted of prompt.keys()) {
      const past = emptyPast(decoder.model, 1, 0);
      const stepped = await step(decoder, past, { ids: [prompt], before: [0], wanted });
      const truth = logits.subarray(wanted * width, (wanted + 1) * width);
      expect(distance(stepped.logits[0] as Float32Array, truth)).toBeLessThan(1e-4);
    }
  });

  // Random weights lie close to each other, so that 4 bits tell few of them apart.
  test.each([
    ["int8", 0.999],
    ["int4", 0.6],
  ] as const)("gives nearly the same logits in %s", async (precision, leastCosine) => {
    const decoder = await openDecoder(place, cacheDirectory, { precision });
    const { rows, logits } = readDecoderGolden(place);
    const { prompt = [] } = rows[1] ?? {};
    const past = emptyPast(decoder.model, 1, 0);
    const { logits: rounded } = await step(decoder, past, { ids: [prompt], before: [0] });
    const truth = logits.subarray(-decoder.model.vocabularySize);
    expect(distance(rounded[0] as Float32Array, truth)).toBeGreaterThan(1e-4);
    expect(cosine(rounded[0] as Float32Array, truth)).toBeGreaterThan(leastCosine);
  });

  test("gives the same bits to rows alone and together, and nearly the same to prompts whole and in pieces", async () => {
    const decoder = await openDecoder(place, cacheDirectory);
    const { rows } = readDecoderGolden(place);
    const ids = rows.map(({ greedy }) => [...greedy.slice(0, 1)]);
    const before = rows.map(({ prompt }) => prompt.length);
    const pasts: Past[] = [];
    for (const { prompt } of rows) pasts.push(await prefill(decoder, prompt, prompt.length));
    const pieces = await prefill(decoder, rows[1]?.prompt ?? [], 5);
    for (const [input, { data }] of Object.entries(pieces))
      expect(distance(data as Float32Array, pasts[1]?.[input]?.data as Float32Array)).toBeLessThan(1e-4);
    const together = await step(decoder, joinPasts(pasts), { ids, before });
    for (const [row, past] of pasts.entries()) {
      const alone = await step(decoder, past, { ids: ids.slice(row, row + 1), before: before.slice(row, row + 1) });
      expect(together.logits[row]).toEqual(alone.logits[0]);
      expect(together.best[row]).toEqual(alone.best[0]);
    }
  });
  test("puts new keys and values behind the past where both are the same memory", async () => {
    const decoder = await openDecoder(place, cacheDirectory);
    const { rows } = readDecoderGolden(place);
    const { prompt = [], greedy = [] } = rows[1] ?? {};
    const [own, other] = [emptyPast(decoder.model, 1, capacity), emptyPast(decoder.model, 1, capacity)];
    await step(decoder, own, { ids: [prompt], before: [0], inPlace: true });
    const { best } = await step(decoder, own, { ids: [greedy.slice(0, 1)], before: [prompt.length], inPlace: true });
    const first = await step(decoder, other, { ids: [prompt], before: [0] });
    const second = await step(decoder, first.past, { ids: [greedy.slice(0, 1)], before: [prompt.length] });
    expect(best).toEqual(greedy.slice(1, 2));
    for (const [name, { data }] of Object.entries(own)) expect(data).toEqual(second.past[name]?.data);
  });
});

test("weights that are too many for one file lie beside the graph and give the same bits", async () => {
  const place = join(golden, "llama-tied-linear");
  const whole = await openDecoder(place, cacheDirectory);
  const model = await compileGenerator(place, { precision: "fp32", cacheDirectory, graphBytes: 30_000 });
  expect(model.weights.length).toBeGreaterThan(1);
  const apart = { model, session: await openGraph(model.graphPath, model.weights) };
  const logitsOf = async (decoder: OpenDecoder) =>
    (await step(decoder, emptyPast(decoder.model, 1, 0), { ids: [[1, 17, 4]], before: [0] })).logits;
  expect(await logitsOf(apart)).toEqual(await logitsOf(whole));
});

test("a generator of another architecture is refused in one line", () =>
  withFolder(async (folder) => {
    const model = join(folder, "model");
    await cp(join(golden, "llama"), model, { recursive: true });
    const compileAs = async (changes: object) => {
      const config = JSON.parse(await readFile(join(golden, "llama", "config.json"), "utf8"));
      await writeFile(join(model, "config.json"), JSON.stringify({ ...config, ...changes }));
      return failureOf(() => openDecoder(model, folder));
    };
    expect(await compileAs({ model_type: "mamba" })).toMatchObject({
      code: "E_MODEL_UNSUPPORTED",
      fix: "Supported: bart, gpt2, llama, marian, mistral, mt5, qwen2, qwen3, t5.",
    });
    expect(await compileAs({ num_key_value_heads: 3 })).toMatchObject({ code: "E_MODEL_INVALID" });
    expect(await compileAs({ vocab_size: 97 })).toMatchObject({
      code: "E_MODEL_INVALID",
      why: 'tensor "model.embed_tokens.weight" has shape [96,32], config.json says [97,32]',
    });
    await rm(join(model, "generation_config.json"));
    expect(await compileAs({ eos_token_id: "</s>" })).toMatchObject({
      code: "E_MODEL_INVALID",
      why: 'eos_token_id is "</s>"; it must be a token id or a list of them',
    });
  }));

/** The past that a prompt leaves, computed in pieces of so many tokens. */
async function prefill(decoder: Awaited<ReturnType<typeof openDecoder>>, prompt: readonly number[], piece: number) {
  let past = emptyPast(decoder.model, 1, capacity);
  for (let at = 0; at < prompt.length; at += piece)
    ({ past } = await step(decoder, past, { ids: [prompt.slice(at, at + piece)], before: [at] }));
  return past;
}
