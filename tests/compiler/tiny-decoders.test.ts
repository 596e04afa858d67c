import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { continueGreedily, emptyPast, joinPasts, openDecoder, type Past, readDecoderGolden, step } from "./decoders.ts";
import { distance, scale } from "./support.ts";

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

  test("gives nearly the same logits in int8", async () => {
    const decoder = await openDecoder(place, cacheDirectory, { precision: "int8" });
    const { rows, logits } = readDecoderGolden(place);
    const { prompt = [] } = rows[1] ?? {};
    const past = emptyPast(decoder.model, 1, 0);
    const { logits: rounded } = await step(decoder, past, { ids: [prompt], before: [0] });
    const truth = logits.subarray(-decoder.model.vocabularySize);
    const difference = distance(rounded[0] as Float32Array, truth);
    expect(difference).toBeGreaterThan(1e-4);
    expect(difference).toBeLessThan(0.05 * scale(truth));
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
});

/** The past that a prompt leaves, computed in pieces of so many tokens. */
async function prefill(decoder: Awaited<ReturnType<typeof openDecoder>>, prompt: readonly number[], piece: number) {
  let past = emptyPast(decoder.model, 1, capacity);
  for (let at = 0; at < prompt.length; at += piece)
    ({ past } = await step(decoder, past, { ids: [prompt.slice(at, at + piece)], before: [at] }));
  return past;
}
