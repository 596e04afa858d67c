import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Tokenizer } from "@millrace/core";
import { loadTokenizer } from "@millrace/workers";
import fc from "fast-check";
import { minilmDirectory } from "../../support/minilm.ts";
import { golden } from "../../support/tokenizers.ts";

const wordPiecePath = golden("wordpiece-tokenizer.json");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenizer-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("loadTokenizer", () => {
  test("switches off the truncation and padding the file carries", async () => {
    const tokenizer = await loadTokenizer(wordPiecePath);
    const [long, short] = await tokenizer.encode(["the ".repeat(100), "the"]);
    expect(long).toHaveLength(102);
    expect(short).toHaveLength(3);
    expect(tokenizer.specialTokens).toBe(2);
  });

  test("digests what changes an id, and nothing else", async () => {
    const { digest } = await loadTokenizer(wordPiecePath);
    const file = JSON.parse(await readFile(wordPiecePath, "utf8"));
    const digestOf = async (change: object) => {
      await writeFile(join(folder, "changed.json"), JSON.stringify({ ...file, ...change }, undefined, 2));
      return (await loadTokenizer(join(folder, "changed.json"))).digest;
    };
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(await digestOf({ truncation: null, padding: null })).toBe(digest);
    expect(await digestOf({ normalizer: { ...file.normalizer, lowercase: false } })).not.toBe(digest);
  });

  test.each([
    ["text", "not json"],
    ["nothing", ""],
    ["half of a file", '{"version":"1.0","model":{"type":"WordPiece","vocab":{"a":'],
    ["no model", "{}"],
    ["an unknown model", '{"version":"1.0","added_tokens":[],"model":{"type":"Unheard"}}'],
    ["null", "null"],
  ])("refuses a file that holds %s", async (_, content) => {
    const path = join(folder, "damaged.json");
    await writeFile(path, content);
    await expect(loadTokenizer(path)).rejects.toMatchObject({ code: "E_MODEL_INVALID" });
  });

  test("refuses a file that is not there", async () => {
    await expect(loadTokenizer(join(folder, "absent.json"))).rejects.toMatchObject({ code: "E_MODEL_INVALID" });
  });
});

describe.each(["wordpiece-tokenizer.json", "byte-bpe-tokenizer.json"])("%s", (name) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(golden(name));
  });
  const anyText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((units) => String.fromCharCode(...units)),
  );

  test("spans, counts and ids agree, and spans can be cut at", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyText, { maxLength: 5 }), async (texts) => {
        const [spans, counts, ids] = await Promise.all([
          tokenizer.spans(texts),
          tokenizer.count(texts),
          tokenizer.encode(texts),
        ]);
        expect(spans.map((span) => span.ids.length)).toEqual(counts);
        spans.forEach((span, row) => {
          const text = texts[row] ?? "";
          expect(ids[row]?.subarray(1, -1)).toEqual(span.ids);
          span.starts.forEach((start, index) => {
            const end = span.ends[index] ?? -1;
            expect(start).toBeGreaterThanOrEqual(span.starts[index - 1] ?? 0);
            expect(end).toBeGreaterThanOrEqual(Math.max(start, span.ends[index - 1] ?? 0));
            expect(end).toBeLessThanOrEqual(text.length);
            expect(start === 0 || (text.codePointAt(start - 1) ?? 0) <= 0xffff).toBe(true);
          });
        });
      }),
      { numRuns: 300 },
    );
  });

  test("keeps order over many texts of all lengths", async () => {
    const texts = Array.from({ length: 700 }, (_, row) => "the ".repeat(row % 50) + String(row));
    const ids = await tokenizer.encode(texts);
    for (const row of [0, 255, 256, 511, 512, 699]) {
      expect(ids[row]).toEqual((await tokenizer.encode([texts[row] ?? ""]))[0]);
    }
  });
});

test("spans are UTF-16 offsets into the text as it was given", async () => {
  const tokenizer = await loadTokenizer(wordPiecePath);
  const text = "👩‍🚀 The [SEP] Élan\ud800 中 of";
  const [spans] = await tokenizer.spans([text]);
  const words = Array.from(spans?.starts ?? [], (start, index) => text.slice(start, spans?.ends[index]));
  expect(words.filter((word) => ["The", "[SEP]", "中", "of"].includes(word))).toEqual(["The", "[SEP]", "中", "of"]);
  expect(spans?.ids[words.indexOf("[SEP]")]).toBe(3);
});

const minilm = minilmDirectory();
(minilm === undefined ? test.skip : test)("MiniLM's ids are those of Hugging Face transformers", async () => {
  const tokenizer = await loadTokenizer(join(minilm ?? "", "tokenizer.json"));
  const expected: { text: string; ids: number[] }[] = JSON.parse(await readFile(golden("minilm-ids.json"), "utf8"));
  const ids = await tokenizer.encode(expected.map(({ text }) => text));
  expect(expected.length).toBeGreaterThan(180);
  expected.forEach((each, row) => {
    expect({ text: each.text, ids: Array.from(ids[row] ?? []) }).toEqual(each);
  });
});
