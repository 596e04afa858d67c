import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { Tokenizer } from "tokenizers";
import { smollm2Directory } from "../support/smollm2.ts";
import { continueGreedily, emptyPast, openDecoder, readDecoderGolden, step } from "./decoders.ts";
import { distance, failureOf, scale, withFolder } from "./support.ts";

const cacheDirectory = mkdtempSync(join(tmpdir(), "millrace-gguf-"));
afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

const golden = join(import.meta.dirname, "../golden");
const tiny = join(golden, "tiny-gguf");

/** Of the largest logit: floats are added in another order only, 8 bits round what they multiply. */
const shares = { fp32: 1e-5, auto: 1e-5, int8: 0.05 } as const;

describe.each(Object.entries(shares))("a GGUF file with every type, as %s", (precision, share) => {
  test("gives the logits that transformers gives for the values the gguf package reads", async () => {
    const options = { precision: precision as keyof typeof shares };
    const decoder = await openDecoder(tiny, cacheDirectory, options);
    const { rows, logits } = readDecoderGolden(tiny);
    const { prompt = [] } = rows[1] ?? {};
    const width = decoder.model.vocabularySize;
    for (const wanted of prompt.keys()) {
      const past = emptyPast(decoder.model, 1, 0);
      const stepped = await step(decoder, past, { ids: [prompt], before: [0], wanted });
      const truth = logits.subarray(wanted * width, (wanted + 1) * width);
      expect(distance(stepped.logits[0] as Float32Array, truth)).toBeLessThan(share * scale(logits));
    }
  });

  test("gives the same bits for any number of rows from the least on", async () => {
    const decoder = await openDecoder(tiny, cacheDirectory, { precision: precision as keyof typeof shares });
    const { leastRows } = decoder.model;
    expect(leastRows).toBe(precision === "fp32" ? 1 : 2);
    const logitsOf = async (rows: number) => {
      const ids = Array.from({ length: rows }, (_, row) => [row + 3]);
      return (await step(decoder, emptyPast(decoder.model, rows, 4), { ids, before: new Array(rows).fill(0) })).logits;
    };
    const most = await logitsOf(7);
    for (const rows of [leastRows, 3, 4]) expect(await logitsOf(rows)).toEqual(most.slice(0, rows));
  });
});

test("a GGUF file brings its tokens, its template and a tokenizer", async () => {
  const { model } = await openDecoder(tiny, cacheDirectory);
  expect(model.tokens).toEqual({ beginning: 1, end: [0] });
  expect(model.specialTokens).toEqual({ bos_token: "<|user|>", eos_token: "<|end|>" });
  expect(model.chatTemplate).toBe("{{ messages[0].content }}");
  const encoding = await Tokenizer.fromFile(model.tokenizerPath).encode("the a inner 12<|end|>");
  const tokens = ["<|user|>", "the", "Ġa", "Ġ", "in", "n", "er", "Ġ", "1", "2", "<|end|>"];
  expect(encoding.getTokens()).toEqual(tokens);
});

describe("a GGUF file that cannot be read is refused in one line", () => {
  const damaged = (change: (bytes: Buffer) => Buffer) =>
    withFolder(async (folder) => {
      await cp(tiny, folder, { recursive: true });
      const file = join(folder, "model.gguf");
      await writeFile(file, change(await readFile(file)));
      return failureOf(() => openDecoder(file, join(folder, "cache")));
    });
  /** Writes a number behind the first place where a text stands. */
  const behind = (text: string, skip: number, value: number) => (bytes: Buffer) => {
    bytes.writeUInt32LE(value, bytes.indexOf(text) + text.length + skip);
    return bytes;
  };

  test.each([
    ["of another version", behind("GGUF", 0, 9), "E_MODEL_INVALID", "version 9"],
    ["cut in its header", (bytes: Buffer) => bytes.subarray(0, 900), "E_MODEL_INVALID", "middle of its header"],
    ["cut in its tensors", (bytes: Buffer) => bytes.subarray(0, 100_000), "E_MODEL_INVALID", "ends after"],
    ["with a type that is not read", behind("blk.0.attn_q.weight", 20, 13), "E_MODEL_UNSUPPORTED", "stored as Q5_K"],
    ["with another shape", behind("blk.0.attn_k.weight", 4, 512), "E_MODEL_INVALID", "has shape [64,512]"],
  ])("%s", async (_, change, code, why) => {
    expect(await damaged(change)).toMatchObject({ code, why: expect.stringContaining(why) });
  });
});

const smollm2 = smollm2Directory();
if (smollm2 === undefined)
  process.stderr.write("skipped: smollm2-135m-instruct is not there; millrace models pull it\n");
const withSmollm2 = smollm2 === undefined ? test.skip : test;

withSmollm2("SmolLM2 knows the capital of France, and reads texts as transformers does", async () => {
  const decoder = await openDecoder(smollm2 as string, cacheDirectory, { precision: "auto" });
  const tokenizer = Tokenizer.fromFile(decoder.model.tokenizerPath);
  const rows: readonly { text: string; ids: number[] }[] = JSON.parse(
    readFileSync(join(golden, "smollm2-ids.json"), "utf8"),
  );
  for (const { text, ids } of rows) {
    expect((await tokenizer.encode(text)).getIds()).toEqual(ids);
    expect(await tokenizer.decode(ids, false)).toBe(text);
  }
  const system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
  const prompt = `<|im_start|>system\n${system}<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n`;
  const answer = await continueGreedily(decoder, (await tokenizer.encode(prompt)).getIds(), 8);
  expect(decoder.model.tokens.end).toContain(answer.at(-1));
  expect(await tokenizer.decode(answer, true)).toBe("The capital of France is Paris.");
});
