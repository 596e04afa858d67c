import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { compileGenerator } from "@millrace/compiler";
import { type InferenceSession, Tensor } from "onnxruntime-node";
import { emptyPast, joinPasts, type OpenDecoder, openDecoder, type Past, type Sources, step } from "./decoders.ts";
import { distance, openGraph } from "./support.ts";

const cacheDirectory = mkdtempSync(join(tmpdir(), "millrace-sequences-"));
afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

/** What tests/golden/make_tiny_sequences.py wrote. */
interface Golden {
  readonly rows: readonly { readonly source: readonly number[]; readonly greedy: readonly number[] }[];
  /** Of what greedy search makes of the first source. */
  readonly logits: string;
}

interface OpenSequence extends OpenDecoder {
  readonly encoder: InferenceSession;
}

const golden = join(import.meta.dirname, "../golden/tiny-sequences");

describe.each(readdirSync(golden))("tiny encoder and decoder %s", (name) => {
  const place = join(golden, name);
  const { rows, logits }: Golden = JSON.parse(readFileSync(join(place, "golden.json"), "utf8"));
  const truth = new Float32Array(Uint8Array.from(Buffer.from(logits, "base64")).buffer);

  test("gives the tokens and logits that transformers gives", async () => {
    const model = await open(place);
    const width = model.model.vocabularySize;
    for (const [index, { source, greedy }] of rows.entries()) {
      const found = await decode(model, await sourcesOf(model, source), greedy.length);
      expect(found.ids).toEqual(greedy);
      for (const [at, own] of index === 0 ? found.logits.entries() : [])
        expect(distance(own, truth.subarray(at * width, (at + 1) * width))).toBeLessThan(1e-4);
    }
  });

  test("gives the same bits to rows beside longer sources, of whatever length they are themselves", async () => {
    const model = await open(place);
    const apart = await Promise.all(rows.map(({ source }) => sourcesOf(model, source)));
    const begin = model.model.tokens.decoderStart as number;
    const ids = rows.map(() => [9]);
    const before = rows.map((_, row) => row + 1);
    const pasts: Past[] = [];
    for (const [row, sources] of apart.entries()) {
      const told = Array.from({ length: before[row] as number }, (_, at) => (at === 0 ? begin : 7 * at));
      pasts.push((await step(model, emptyPast(model.model, 1, 8), { ids: [told], before: [0], sources })).past);
    }
    const together = await step(model, joinPasts(pasts), { ids, before, sources: joined(apart) });
    for (const [row, sources] of apart.entries()) {
      const own = { ids: ids.slice(row, row + 1), before: before.slice(row, row + 1), sources };
      expect(together.logits[row]).toEqual((await step(model, pasts[row] as Past, own)).logits[0]);
    }
  });
});

async function open(place: string): Promise<OpenSequence> {
  const decoder = await openDecoder(place, cacheDirectory);
  expect(decoder.model.kind).toBe("encoder-decoder");
  return { ...decoder, encoder: await openGraph(decoder.model.encoder?.graphPath ?? "") };
}

async function sourcesOf({ encoder }: OpenSequence, source: readonly number[]): Promise<Sources> {
  const parts = await encoder.run({ ids: new Tensor("int32", Int32Array.from(source), [1, source.length]) });
  return { ...parts, source_lengths: new Tensor("int32", Int32Array.of(source.length), [1]) };
}

/** Greedy search from the token that begins. */
async function decode(model: OpenSequence, sources: Sources, count: number) {
  let past = emptyPast(model.model, 1, count);
  let next = model.model.tokens.decoderStart as number;
  const [ids, logits]: [number[], Float32Array[]] = [[], []];
  while (ids.length < count) {
    const stepped = await step(model, past, { ids: [[next]], before: [ids.length], sources });
    past = stepped.past;
    next = stepped.best[0] as number;
    ids.push(next);
    logits.push(stepped.logits[0] as Float32Array);
  }
  return { ids, logits };
}

/** Sources of several rows as those of one run: what is behind a row's own is filled with a value that would be noticed. */
function joined(sources: readonly Sources[]): Sources {
  const names = Object.keys(sources[0] ?? {}).filter((name) => name !== "source_lengths");
  const join = (name: string) => {
    const first = sources[0]?.[name] as Tensor;
    const [, heads = 0, , width = 0] = first.dims;
    const longest = Math.max(...sources.map((part) => part[name]?.dims[2] ?? 0));
    const data = new Float32Array(sources.length * heads * longest * width).fill(9);
    for (const [row, part] of sources.entries()) {
      const { data: own, dims } = part[name] as Tensor;
      const bytes = (dims[2] as number) * width;
      for (let head = 0; head < heads; head += 1)
        data.set(
          (own as Float32Array).subarray(head * bytes, (head + 1) * bytes),
          (row * heads + head) * longest * width,
        );
    }
    return new Tensor("float32", data, [sources.length, heads, longest, width]);
  };
  const lengths = Int32Array.from(sources, ({ source_lengths }) => (source_lengths as Tensor).data[0] as number);
  return {
    ...Object.fromEntries(names.map((name) => [name, join(name)])),
    source_lengths: new Tensor("int32", lengths, [lengths.length]),
  };
}

test("what an old model's config.json says of decoding counts where it has no generation_config.json", async () => {
  const folder = join(cacheDirectory, "old");
  cpSync(join(golden, "bart"), folder, { recursive: true });
  const compiled = async () => (await compileGenerator(folder, { precision: "fp32", cacheDirectory })).defaults;
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, num_beams: 6, forced_eos_token_id: 2 }));
  expect(await compiled()).not.toHaveProperty("num_beams");
  rmSync(join(folder, "generation_config.json"));
  expect(await compiled()).toEqual({ num_beams: 6, forced_eos_token_id: 2 });
});
