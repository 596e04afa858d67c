import { describe, expect, test } from "@jest/globals";
import { type Chunk, type Chunking, type Document, MillraceError, type Tokenizer } from "@millrace/core";
import { createChunker, loadTokenizer } from "@millrace/workers";
import fc from "fast-check";
import { anyDocuments, plain, structured } from "../../support/documents.ts";
import { golden, testTokenizers } from "../../support/tokenizers.ts";
import { wordTokenizer } from "../../support/word-tokenizer.ts";

const words = wordTokenizer();
const structure = (maxTokens: number, overlap = 0): Chunking => ({ strategy: "structure", maxTokens, overlap });
const numbered = (count: number, prefix = "w") =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`).join(" ");

describe("structure", () => {
  test("splits at headings first and keeps small sections together", async () => {
    const document = structured([
      { kind: "heading", text: "Title", level: 1 },
      { kind: "heading", text: "First", level: 2 },
      { kind: "paragraph", text: numbered(4) },
      { kind: "heading", text: "Second", level: 2 },
      { kind: "paragraph", text: numbered(4) },
      { kind: "heading", text: "Third", level: 2 },
      { kind: "paragraph", text: numbered(9) },
    ]);
    const chunks = await chunksOf(document, structure(14));
    expect(chunks.map((chunk) => chunk.text.trim().split(/\s+/)[0])).toEqual(["Title", "Third"]);
    expect(chunks.map((chunk) => chunk.headings)).toEqual([["Title"], ["Title", "Third"]]);
  });

  test("splits a long paragraph at sentences, not at the line breaks inside them", async () => {
    const text = "One two three\nfour five. Six seven\neight nine. Ten.";
    expect((await chunksOf(plain(text), structure(8))).map((chunk) => chunk.text)).toEqual([
      "One two three\nfour five. ",
      "Six seven\neight nine. Ten.",
    ]);
  });

  test("splits code that is too long at lines, and leaves code that fits whole", async () => {
    const long = structured([{ kind: "code", text: "a b c\nd e f\ng h i" }]);
    expect((await chunksOf(long, structure(8))).map((chunk) => chunk.text)).toEqual(["a b c\nd e f\n", "g h i\n\n"]);
    const fitting = structured([
      { kind: "heading", text: "Example of use", level: 1 },
      { kind: "code", text: "a b c\nd e f" },
    ]);
    expect((await chunksOf(fitting, structure(8))).map((chunk) => chunk.text)).toEqual([
      "Example of use\n\n",
      "a b c\nd e f\n\n",
    ]);
  });

  test("opens a paragraph rather than leave its heading behind", async () => {
    const document = structured([
      { kind: "heading", text: "A heading", level: 1 },
      { kind: "paragraph", text: "One two three four. Five six seven eight." },
    ]);
    expect((await chunksOf(document, structure(10))).map((chunk) => chunk.text)).toEqual([
      "A heading\n\nOne two three four. ",
      "Five six seven eight.\n\n",
    ]);
  });

  test("finds paragraphs at blank lines where the format knows none", async () => {
    const text = `  \n${numbered(5, "a")}\n${numbered(3, "b")}\n \t\n\n${numbered(6, "c")}\n`;
    expect((await chunksOf(plain(text), structure(12))).map((chunk) => chunk.text)).toEqual([
      text.slice(0, text.indexOf("c0")),
      text.slice(text.indexOf("c0")),
    ]);
  });

  test("overlap begins at a sentence where one is near enough, else at a word", async () => {
    const sentences = `${numbered(6, "A")}. ${numbered(4, "B")}. ${numbered(9, "C")}.`;
    expect((await chunksOf(plain(sentences), structure(20, 5))).map((chunk) => chunk.text)).toEqual([
      `${numbered(6, "A")}. ${numbered(4, "B")}. `,
      `${numbered(4, "B")}. ${numbered(9, "C")}.`,
    ]);
    const chunks = await chunksOf(plain(numbered(60)), structure(20, 5));
    for (const [row, chunk] of chunks.slice(1).entries()) {
      const before = chunks[row]?.text.trim().split(" ").slice(-5);
      expect(chunk.text.split(" ").slice(0, 5)).toEqual(before);
    }
  });

  test("a document that fits is tokenized once", async () => {
    const document = structured([
      { kind: "heading", text: "T", level: 1 },
      { kind: "paragraph", text: numbered(300, "") },
    ]);
    const { tokenizer, units } = counting();
    const chunker = createChunker(tokenizer, structure(400));
    await chunker.chunk([plain("warm up")]);
    const before = units();
    expect((await chunker.chunk([document]))[0]).toHaveLength(1);
    expect(units() - before).toBe(document.text.length);
  });

  test("graphemes and sentences of languages without spaces", async () => {
    const families = "👨‍👩‍👧‍👦".repeat(40);
    const bpe = await loadTokenizer(golden("byte-bpe-tokenizer.json"));
    for (const chunk of await chunksOf(plain(families), structure(80), bpe)) expect(chunk.text.length % 11).toBe(0);
    const accents = "e\u0301".repeat(300);
    for (const chunk of await chunksOf(plain(accents), structure(20), bpe))
      expect(chunk.text.startsWith("e")).toBe(true);
    const chinese = "中文没有空格。".repeat(20);
    const wordPiece = await loadTokenizer(golden("wordpiece-tokenizer.json"));
    for (const chunk of await chunksOf(plain(chinese), structure(20), wordPiece))
      expect(chunk.text.endsWith("。")).toBe(true);
  });

  test("one character with too many tokens fails its document and no other", async () => {
    const bpe = await loadTokenizer(golden("byte-bpe-tokenizer.json"));
    const chunker = createChunker(bpe, structure(4));
    const [first, bad, last] = await chunker.chunk([plain("a b c"), plain("x 中 y"), plain("th")]);
    expect((first as readonly Chunk[]).map((chunk) => chunk.text).join("")).toBe("a b c");
    expect(bad).toBeInstanceOf(MillraceError);
    expect(bad).toMatchObject({ code: "E_ROW_CHUNK" });
    expect((bad as MillraceError).message).toContain("U+4E2D at offset 2 has 3, maxTokens leaves room for 2");
    expect(last).toHaveLength(1);
  });

  test("a text the tokenizer refuses fails its document and no other", async () => {
    const refusing: Tokenizer = {
      ...words,
      encode: (texts) =>
        texts.some((text) => text.includes("bad")) ? Promise.reject(new Error("unknown")) : words.encode(texts),
    };
    const results = await createChunker(refusing, structure(10)).chunk([plain("good"), plain("bad"), plain("good")]);
    expect(results[1]).toMatchObject({ code: "E_ROW_CHUNK", why: "unknown" });
    expect([results[0], results[2]]).toEqual([[expect.anything()], [expect.anything()]]);
  });
});

describe.each(testTokenizers())("truncate counted by $name", ({ load }) => {
  test("keeps the first tokens of the whole text's ids between the special tokens", async () => {
    const tokenizer = await load();
    await fc.assert(
      fc.asyncProperty(anyDocuments, fc.integer({ min: 3, max: 40 }), async (document, maxTokens) => {
        const chunks = await chunksOf(document, { strategy: "truncate", maxTokens, overlap: 0 }, tokenizer);
        if (document.text.trim() === "") return expect(chunks).toEqual([]);
        const [ids = new Int32Array()] = await tokenizer.encode([document.text]);
        const kept = ids.length <= maxTokens ? ids : Int32Array.of(...ids.subarray(0, maxTokens - 1), ids.at(-1) ?? 0);
        expect(chunks).toHaveLength(1);
        expect(chunks[0]?.tokenIds).toEqual(kept);
        expect(chunks[0]?.text).toBe(document.text.slice(0, chunks[0]?.end));
        if (ids.length <= maxTokens) expect(chunks[0]?.end).toBe(document.text.length);
      }),
      { numRuns: 100 },
    );
  });

  test("keeps the last tokens for a model that cuts texts on the left", async () => {
    const tokenizer: Tokenizer = { ...(await load()), truncationSide: "left" };
    await fc.assert(
      fc.asyncProperty(anyDocuments, fc.integer({ min: 3, max: 40 }), async (document, maxTokens) => {
        const chunks = await chunksOf(document, { strategy: "truncate", maxTokens, overlap: 0 }, tokenizer);
        if (document.text.trim() === "") return expect(chunks).toEqual([]);
        const [ids = new Int32Array()] = await tokenizer.encode([document.text]);
        const kept = ids.length <= maxTokens ? ids : Int32Array.of(ids[0] ?? 0, ...ids.subarray(1 - maxTokens));
        expect(chunks).toHaveLength(1);
        expect(chunks[0]?.tokenIds).toEqual(kept);
        expect(chunks[0]?.text).toBe(document.text.slice(chunks[0]?.start));
        if (ids.length <= maxTokens) expect(chunks[0]?.start).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test.each(["right", "left"] as const)("a long document is cut as a whole one, on the %s", async (truncationSide) => {
    const tokenizer: Tokenizer = { ...(await load()), truncationSide };
    const text = "The chunk of unbreakable heading, ".repeat(2000);
    const [chunk] = await chunksOf(plain(text), { strategy: "truncate", maxTokens: 300, overlap: 0 }, tokenizer);
    const [ids] = await tokenizer.encode([text]);
    const first = truncationSide === "left" ? 1 : 299;
    expect(chunk?.tokenIds.subarray(0, first)).toEqual(ids?.subarray(0, first));
    expect(chunk?.tokenIds.subarray(first)).toEqual(ids?.subarray(first - 300));
    expect(text.slice(chunk?.start, chunk?.end)).toBe(chunk?.text);
  });
});

test("documents of nothing but whitespace have no chunk and keep their place", async () => {
  const chunker = createChunker(words, structure(10));
  const texts = ["", "one", " \n\t\u00a0\u2028", "two", "\n".repeat(100)];
  const results = await chunker.chunk(texts.map((text) => plain(text)));
  expect(results.map((chunks) => (chunks as readonly Chunk[]).map((chunk) => chunk.text))).toEqual([
    [],
    ["one"],
    [],
    ["two"],
    [],
  ]);
});

test.each<[string, Chunking]>([
  ["no room for a token", structure(2)],
  ["half a token", structure(10.5)],
  ["not a number", structure(Number.NaN)],
  ["an overlap above half", structure(10, 6)],
  ["an overlap that leaves nothing new", structure(4, 2)],
  ["a negative overlap", structure(10, -1)],
  ["an unknown strategy", { ...structure(10), strategy: "magic" as "truncate" }],
])("refuses %s", (_, chunking) => {
  expect(() => createChunker(words, chunking)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
});

async function chunksOf(document: Document, chunking: Chunking, tokenizer = words): Promise<readonly Chunk[]> {
  const [chunks] = await createChunker(tokenizer, chunking).chunk([document]);
  if (chunks instanceof MillraceError) throw chunks;
  return chunks ?? [];
}

/** Counts the UTF-16 units that are tokenized. */
function counting(): { tokenizer: Tokenizer; units: () => number } {
  let units = 0;
  const counted =
    <Result>(method: (texts: readonly string[]) => Promise<Result>) =>
    (texts: readonly string[]) => {
      units += texts.join("").length;
      return method(texts);
    };
  const tokenizer = {
    ...words,
    encode: counted(words.encode),
    count: counted(words.count),
    spans: counted(words.spans),
  };
  return { tokenizer, units: () => units };
}
