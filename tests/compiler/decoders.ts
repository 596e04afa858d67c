import { readFileSync } from "node:fs";
import { type CompiledGenerator, compileGenerator } from "@millrace/compiler";
import { type InferenceSession, Tensor } from "onnxruntime-node";
import { openGraph } from "./support.ts";

/** A compiled decoder with a session of its own. */
export interface OpenDecoder {
  readonly model: CompiledGenerator;
  readonly session: InferenceSession;
}

/** Keys and values of all layers by their inputs' names. */
export type Past = Readonly<Record<string, Tensor>>;

export async function openDecoder(
  place: string,
  cacheDirectory: string,
  options: Partial<Parameters<typeof compileGenerator>[1]> = {},
): Promise<OpenDecoder> {
  const model = await compileGenerator(place, { precision: "fp32", cacheDirectory, ...options });
  return { model, session: await openGraph(model.graphPath) };
}

export function emptyPast({ layers, keyHeads, headWidth }: CompiledGenerator, rows: number, capacity: number): Past {
  const shape = [rows, keyHeads, capacity, headWidth];
  const make = () => new Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
  const names = Array.from({ length: layers }, (_, layer) => [`past_key.${layer}`, `past_value.${layer}`]).flat();
  return Object.fromEntries(names.map((name) => [name, make()]));
}

/** The pasts of several rows, all of one capacity, as one. */
export function joinPasts(pasts: readonly Past[]): Past {
  const names = Object.keys(pasts[0] ?? {});
  const join = (parts: readonly Tensor[]) => {
    const data = new Float32Array(parts.reduce((sum, part) => sum + part.size, 0));
    let offset = 0;
    for (const part of parts) {
      data.set(part.data as Float32Array, offset);
      offset += part.size;
    }
    return new Tensor("float32", data, [parts.length, ...(parts[0] as Tensor).dims.slice(1)]);
  };
  return Object.fromEntries(names.map((name) => [name, join(pasts.map((past) => past[name] as Tensor))]));
}

/** A decoder's inputs of its rows' sources. */
export type Sources = Readonly<Record<string, Tensor>>;

export interface Step {
  /** New tokens of each row, equally many. */
  readonly ids: readonly (readonly number[])[];
  /** Tokens of each row before them. */
  readonly before: readonly number[];
  /** What a decoder beside an encoder reads of each row's source. */
  readonly sources?: Sources;
  /** Whether the present is written where the past is. */
  readonly inPlace?: boolean;
  /** Which of the new tokens logits are wanted of; the last by default. */
  readonly wanted?: number;
}

export interface Stepped {
  /** Of one row after another. */
  readonly logits: readonly Float32Array[];
  readonly best: readonly number[];
  readonly past: Past;
}

export async function step(
  { model, session }: OpenDecoder,
  past: Past,
  { ids, before, wanted, sources, inPlace }: Step,
): Promise<Stepped> {
  const [rows, tokens] = [ids.length, ids[0]?.length ?? 0];
  const totals = before.map((count) => count + tokens);
  const integers = (values: readonly number[], shape: readonly number[]) =>
    new Tensor("int32", Int32Array.from(values), shape);
  const present = Object.entries(past).map(([name, tensor]) => [name.replace("past", "present"), tensor] as const);
  const feeds = {
    ...past,
    ...sources,
    ids: integers(ids.flat(), [rows, tokens]),
    seqlens_k: integers(
      totals.map((total) => total - 1),
      [rows],
    ),
    total_sequence_length: integers([Math.max(...totals)], []),
    logit_positions: integers(new Array(rows).fill(wanted ?? tokens - 1), [rows]),
  };
  const fetches = { logits: null, best: null, ...Object.fromEntries(present) };
  const results = await (inPlace ? session.run(feeds, fetches) : session.run(feeds));
  const [logits, best] = [results.logits?.data as Float32Array, results.best?.data as Int32Array];
  const width = model.vocabularySize;
  return {
    logits: ids.map((_, row) => logits.slice(row * width, (row + 1) * width)),
    best: [...best],
    past: Object.fromEntries(
      Object.keys(past).map((name) => [name, results[name.replace("past", "present")] as Tensor]),
    ),
  };
}

/** The most likely tokens, one after another, without a room that is kept for them. */
export async function continueGreedily(decoder: OpenDecoder, prompt: readonly number[], count: number) {
  let { best, past } = await step(decoder, emptyPast(decoder.model, 1, 0), { ids: [prompt], before: [0] });
  const ids = [best[0] as number];
  while (ids.length < count) {
    const before = [prompt.length + ids.length - 1];
    ({ best, past } = await step(decoder, past, { ids: [ids.slice(-1)], before }));
    ids.push(best[0] as number);
  }
  return ids;
}

export interface DecoderGolden {
  readonly rows: readonly { readonly prompt: readonly number[]; readonly greedy: readonly number[] }[];
  /** Of the second prompt's tokens, one after another. */
  readonly logits: Float32Array;
}

/** Reads what tests/golden/make_tiny_decoders.py wrote. */
export function readDecoderGolden(place: string): DecoderGolden {
  const { rows, logits } = JSON.parse(readFileSync(`${place}/golden.json`, "utf8"));
  return { rows, logits: new Float32Array(Uint8Array.from(Buffer.from(logits, "base64")).buffer) };
}
