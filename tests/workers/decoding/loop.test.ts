import { afterEach, describe, expect, test } from "@jest/globals";
import { type DecodingOptions, type Detokenizer, type GenerateRequest, greedyDecoding } from "@millrace/core";
import { type ArenaLimits, arenaBytes, GeneratorLoop, madeUpDecoder, planArena } from "@millrace/workers";
import fc from "fast-check";
import { randomNumbers } from "../../support/corpus.ts";

const vocabulary = 64;
/** Ids are letters, so that stop texts can span several tokens. */
const detokenizer: Detokenizer = {
  decode: async (rows) => rows.map((ids) => ids.map((id) => String.fromCharCode(97 + (id % 26))).join("")),
};
const limits: ArenaLimits = {
  bytesPerToken: 1,
  bytesPerSource: 0,
  memoryBytes: 10_000,
  maximumRows: 6,
  leastRows: 1,
  contextLength: 2_000,
  sourceLength: 0,
};

const loops: GeneratorLoop[] = [];
afterEach(async () => {
  await Promise.all(loops.splice(0).map((loop) => loop.close()));
});

function open(options: Partial<ArenaLimits> & { readonly start?: number } = {}): GeneratorLoop {
  const { start, ...own } = options;
  const loop = new GeneratorLoop({
    decoder: madeUpDecoder(vocabulary, start),
    detokenizer,
    limits: { ...limits, ...(start !== undefined && { bytesPerSource: 1, sourceLength: 64 }), ...own },
    chunkTokens: 8,
    stepTokens: 24,
  });
  loops.push(loop);
  return loop;
}

function request(promptIds: readonly number[], decoding: Partial<DecodingOptions> = {}, sequence = 0): GenerateRequest {
  return {
    promptIds: Int32Array.from(promptIds),
    decoding: { ...greedyDecoding, maxNewTokens: 20, ...decoding },
    sequence,
  };
}

/** Requests of every kind. */
function mixed(count: number, seed: number): readonly GenerateRequest[] {
  const random = randomNumbers(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  return Array.from({ length: count }, (_, index) => {
    const prompt = Array.from({ length: 1 + upTo(40) }, (_, place) => (place < 12 ? 7 : upTo(vocabulary)));
    const beams = { count: 2 + upTo(4), returned: 2, lengthPenalty: upTo(3) - 1, earlyStopping: index % 8 === 0 };
    const sampled = { temperature: 0.8, topK: upTo(30), topP: 0.95, seed: upTo(1_000) };
    return request(prompt, {
      maxNewTokens: 1 + upTo(30),
      stopIds: [upTo(vocabulary)],
      ...(index % 4 === 0 ? { beams, repetitionPenalty: 1.1, noRepeatNgramSize: upTo(4) } : {}),
      ...(index % 4 === 1 ? sampled : {}),
      ...(index % 4 === 2 ? { repetitionPenalty: 1.2, topLogprobs: 2 } : {}),
      ...(index % 6 === 3 ? { stopTexts: ["ab", "q"] } : {}),
    });
  });
}

describe("answers", () => {
  test.each([
    ["go on from their prompts", {}],
    ["begin beside them", { start: 3 }],
  ])("that %s are the same alone and among others, to the bit", async (_, options) => {
    const requests = mixed(120, 5);
    const loop = open(options);
    const together = await Promise.all(requests.map((each) => loop.generate(each)));
    for (const [index, each] of requests.entries()) {
      const alone = await open({ ...options, maximumRows: 1 }).generate(each);
      expect({ index, ...together[index] }).toEqual({ index, ...alone });
    }
  });

  test("depend on seed and sequence, and on nothing else", async () => {
    const sampled = { temperature: 1, seed: 7 };
    const loop = open();
    const [first, again, second, other] = await Promise.all([
      loop.generate(request([1, 2], sampled)),
      loop.generate(request([1, 2], sampled)),
      loop.generate(request([1, 2], sampled, 1)),
      loop.generate(request([1, 2], { ...sampled, seed: 8 })),
    ]);
    expect(again).toEqual(first);
    expect(second?.ids).not.toEqual(first?.ids);
    expect(other?.ids).not.toEqual(first?.ids);
  });

  test("end before a stop text that several tokens make, before a stop id, and at the longest length", async () => {
    const loop = open();
    const whole = await loop.generate(request([3]));
    expect([whole.finishReason, whole.ids.length, whole.text.length]).toEqual(["length", 20, 20]);
    const stop = whole.text.slice(9, 12);
    const cut = await loop.generate(request([3], { stopTexts: [stop, "????"] }));
    expect([cut.finishReason, cut.text]).toEqual(["stop", whole.text.slice(0, whole.text.indexOf(stop))]);
    const id = whole.ids[5] as number;
    const ended = await loop.generate(request([3], { stopIds: [id] }));
    expect([ended.finishReason, [...ended.ids]]).toEqual(["stop", [...whole.ids].slice(0, whole.ids.indexOf(id))]);
    const longer = await loop.generate(request([3], { stopIds: [id], minNewTokens: 12 }));
    expect(longer.ids.length).toBeGreaterThanOrEqual(12);
  });

  test("come with log-probabilities of each of their tokens", async () => {
    const { ids, logprobs } = await open().generate(request([4], { topLogprobs: 3 }));
    expect(logprobs?.map(({ id }) => id)).toEqual([...ids]);
    for (const { id, logprob, top } of logprobs ?? []) {
      expect(top.map((each) => each.logprob)).toEqual(top.map((each) => each.logprob).sort((a, b) => b - a));
      expect(top[0]).toEqual({ id, logprob });
    }
  });
});

test("an answer's text goes on from its prompt, with the space that a tokenizer drops from the beginning of a text", async () => {
  // As sentencepiece's decoders do: each id is a word with a space before it, but for the first of a text.
  const words: Detokenizer = {
    decode: async (rows) =>
      rows.map((ids) =>
        ids
          .map((id) => ` w${id}`)
          .join("")
          .slice(1),
      ),
  };
  const options = { decoder: madeUpDecoder(vocabulary), limits, chunkTokens: 8, stepTokens: 24 };
  const loop = new GeneratorLoop({ ...options, detokenizer: words });
  loops.push(loop);
  const { ids, text } = await loop.generate(request([5, 6], { maxNewTokens: 4 }));
  expect(text).toBe([...ids].map((id) => ` w${id}`).join(""));
  const third = ` w${ids[2]}`;
  const stopped = await loop.generate(request([5, 6], { maxNewTokens: 4, stopTexts: [third] }));
  expect(stopped.text).toBe(text.slice(0, text.indexOf(third)));
});

describe("memory", () => {
  test("grows for a row that is longer, and refuses one that does not fit, alone", async () => {
    const loop = open();
    const long = request(Array.from({ length: 1_500 }, (_, index) => index % vocabulary));
    const tooLong = request(Array.from({ length: 6_000 }, () => 1));
    const refused = expect(loop.generate(tooLong)).rejects.toMatchObject({ code: "E_ROW_PROMPT" });
    const [short, answer] = await Promise.all([loop.generate(request([1])), loop.generate(long), refused]);
    expect([short?.ids.length, answer?.ids.length]).toEqual([20, 20]);
    expect(answer).toEqual(await open().generate(long));
  });

  test("never exceeds its limit, and holds a row wherever one fits", () => {
    fc.assert(
      fc.property(
        fc.record({
          tokens: fc.integer({ min: 1, max: 9_000 }),
          sources: fc.integer({ min: 0, max: 2_000 }),
          width: fc.integer({ min: 1, max: 6 }),
        }),
        fc.record({
          bytesPerToken: fc.integer({ min: 1, max: 1_000 }),
          bytesPerSource: fc.integer({ min: 0, max: 1_000 }),
          memoryBytes: fc.integer({ min: 1, max: 5_000_000 }),
          maximumRows: fc.integer({ min: 2, max: 64 }),
          leastRows: fc.integer({ min: 1, max: 2 }),
          contextLength: fc.integer({ min: 9_000, max: 20_000 }),
          sourceLength: fc.integer({ min: 2_000, max: 4_000 }),
        }),
        ({ tokens, sources, width }, arenaLimits) => {
          const shape = planArena({ tokens, sources, width }, arenaLimits);
          const slots = Math.max(arenaLimits.leastRows, width);
          const filled = Math.ceil(sources / 16) * 16;
          const least = arenaBytes({ slots, capacity: tokens, sources: filled }, arenaLimits);
          expect(shape !== undefined).toBe(least <= arenaLimits.memoryBytes);
          if (shape === undefined) return;
          expect(arenaBytes(shape, arenaLimits)).toBeLessThanOrEqual(arenaLimits.memoryBytes);
          expect(shape.capacity).toBeGreaterThanOrEqual(tokens);
          expect(shape.sources).toBeGreaterThanOrEqual(filled);
          expect(shape.slots).toBeGreaterThanOrEqual(width);
          expect(shape.slots).toBeLessThanOrEqual(Math.max(arenaLimits.maximumRows, width));
        },
      ),
    );
  });
});

test("who gives up is let go, and the others' answers stay the same", async () => {
  const requests = mixed(30, 9);
  const calm = open();
  const expected = await Promise.all(requests.map((each) => calm.generate(each)));
  const loop = open();
  const results = await Promise.allSettled(
    requests.map((each, index) => {
      const stop = new AbortController();
      if (index % 4 === 0) setTimeout(() => stop.abort(new Error("enough")), index % 3);
      return loop.generate(each, stop.signal);
    }),
  );
  for (const [index, result] of results.entries()) {
    if (result.status === "fulfilled") expect(result.value).toEqual(expected[index]);
    else expect(result.reason).toEqual(new Error("enough"));
  }
  expect(loop.size).toBe(0);
});

test("an error of the decoder reaches everyone who waits", async () => {
  const broken = { ...madeUpDecoder(vocabulary), openArena: () => Promise.reject(new Error("no memory")) };
  const loop = new GeneratorLoop({ decoder: broken, detokenizer, limits, chunkTokens: 8, stepTokens: 24 });
  const results = await Promise.allSettled([loop.generate(request([1])), loop.generate(request([2]))]);
  expect(results.map((result) => result.status === "rejected" && result.reason)).toEqual([
    new Error("no memory"),
    new Error("no memory"),
  ]);
});
