import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { compileGenerator } from "@millrace/compiler";
import {
  type BeamOptions,
  type DecodingOptions,
  type GeneratedRow,
  type GenerateRequest,
  greedyDecoding,
} from "@millrace/core";
import {
  bestDecoderBinding,
  type Decoder,
  decoderFacts,
  GeneratorLoop,
  modelBeams,
  modelDecoding,
  openDecoder,
} from "@millrace/workers";
import { temporaryFolder } from "../../support/command-line.ts";

/** What tests/golden/make_tiny_beams.py wrote. */
interface Golden {
  readonly prompts: readonly (readonly number[])[];
  readonly models: Readonly<Record<string, readonly Case[]>>;
}

interface Case {
  /** Under transformers' names. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Of each prompt, best first. */
  readonly answers: readonly (readonly { readonly ids: readonly number[]; readonly score: number }[])[];
}

const golden: Golden = JSON.parse(readFileSync("tests/golden/tiny-beams.json", "utf8"));
const bindings = bestDecoderBinding === "native" ? (["native", "npm"] as const) : (["npm"] as const);
const models = Object.entries(golden.models).flatMap(([name, cases]) =>
  bindings.map((binding) => ({ name, cases, binding })),
);

let cacheDirectory: string;
beforeAll(async () => {
  cacheDirectory = await temporaryFolder();
});

describe.each(models)("$name over the $binding binding", ({ name, cases, binding }) => {
  let decoder: Decoder;
  const loops: GeneratorLoop[] = [];
  beforeAll(async () => {
    const model = await compileGenerator(resolve("tests/golden", name), { precision: "fp32", cacheDirectory });
    decoder = await openDecoder({ ...decoderFacts(model), threads: 1, lanes: 1, binding });
  });
  afterAll(async () => {
    await Promise.all(loops.map((loop) => loop.close()));
    await decoder.close();
  });

  function open(maximumRows: number): GeneratorLoop {
    const loop = new GeneratorLoop({
      decoder,
      detokenizer: { decode: async (rows) => rows.map((ids) => ids.join(" ")) },
      limits: {
        bytesPerToken: 1,
        bytesPerSource: 1,
        memoryBytes: 1 << 20,
        maximumRows,
        leastRows: 1,
        contextLength: 40,
        sourceLength: 40,
      },
      chunkTokens: 4,
      stepTokens: 24,
    });
    loops.push(loop);
    return loop;
  }

  const searches = cases.flatMap(({ options, answers }) =>
    golden.prompts.map((prompt, place) => ({
      request: request(prompt, decodingOf(name, options)),
      answers: answers[place],
    })),
  );
  const others = golden.prompts.flatMap((prompt, seed) => [
    request(prompt, { ...greedyDecoding, maxNewTokens: 9 + seed }),
    request(prompt, { ...greedyDecoding, maxNewTokens: 14, temperature: 0.9, topP: 0.9, seed }),
  ]);

  test("beams get the answers and scores that transformers gives, beside rows of every other kind", async () => {
    const loop = open(12);
    const requests = [...searches.map(({ request: own }) => own), ...others].sort(byHash);
    const rows = await Promise.all(requests.map((each) => loop.generate(each)));
    const found = new Map(requests.map((each, place) => [each, rows[place] as GeneratedRow]));
    for (const { request: own, answers = [] } of searches) {
      const all = answersOf(found.get(own) as GeneratedRow);
      expect(all.map(({ ids }) => [...ids])).toEqual(answers.map(({ ids }) => ids));
      for (const [place, { score }] of answers.entries())
        expect(Math.abs((all[place]?.score ?? 0) - score)).toBeLessThan(2e-4 * Math.max(1, Math.abs(score)));
    }
    const alone = open(1);
    for (const [place, each] of requests.entries())
      if (place % 7 === 0) expect(await alone.generate(each)).toEqual(rows[place]);
  });
});

function request(prompt: readonly number[], decoding: DecodingOptions): GenerateRequest {
  return { promptIds: Int32Array.from(prompt), decoding, sequence: 0 };
}

/** Options as they are read of a generation_config.json; what they do not say is taken from the model's own, as transformers does. */
function decodingOf(name: string, options: Case["options"]): DecodingOptions {
  const own = JSON.parse(readFileSync(`tests/golden/${name}/generation_config.json`, "utf8"));
  const defaults: Case["options"] = { ...own, ...options };
  const kind = name.startsWith("tiny-sequences") ? "encoder-decoder" : "decoder";
  const end = options.eos_token_id as readonly number[];
  const returned = (options.num_return_sequences as number | undefined) ?? 1;
  const beams: BeamOptions = { ...modelBeams({ defaults }), returned };
  return { ...modelDecoding({ kind, defaults, tokens: { end } }), beams };
}

function answersOf(row: GeneratedRow): readonly GeneratedRow[] {
  return [row, ...(row.alternatives ?? [])];
}

/** An order in which neighbours have little in common. */
function byHash(one: GenerateRequest, other: GenerateRequest): number {
  const hash = ({ promptIds, decoding }: GenerateRequest) =>
    (promptIds.length * 31 + decoding.maxNewTokens * 17 + (decoding.beams?.count ?? 0) * 57) % 41;
  return hash(one) - hash(other);
}
