import { describe, expect, test } from "@jest/globals";
import { type Chunk, type Chunker, type Document, MillraceError } from "@millrace/core";
import { createChunker } from "@millrace/workers";
import fc from "fast-check";
import { anyDocuments, structuredDocuments } from "../../support/documents.ts";
import { testTokenizers } from "../../support/tokenizers.ts";

const budgets = fc.integer({ min: 40, max: 120 });

describe.each(testTokenizers())("chunks counted by $name", ({ load, isAdditive }) => {
  const loading = load();

  test("without overlap they are the document's text, in order, within the budget, with their own ids", async () => {
    const tokenizer = await loading;
    await fc.assert(
      fc.asyncProperty(anyDocuments, budgets, async (document, maxTokens) => {
        const chunks = await chunksOf(
          createChunker(tokenizer, { strategy: "structure", maxTokens, overlap: 0 }),
          document,
        );
        const hasContent = document.text.trim() !== "";
        expect(chunks.map((chunk) => chunk.text).join("")).toBe(hasContent ? document.text : "");
        expect(chunks.map((chunk) => chunk.ordinal)).toEqual(chunks.map((_, row) => row));
        expect(chunks.every((chunk) => chunk.tokenIds.length <= maxTokens)).toBe(true);
        expect(chunks.every((chunk) => chunk.text.length > 0)).toBe(true);
        expect(chunks.map((chunk) => chunk.tokenIds)).toEqual(
          await tokenizer.encode(chunks.map((chunk) => chunk.text)),
        );
        for (const { start, end, text } of chunks) {
          expect(document.text.slice(start, end)).toBe(text);
          expect(splitsPair(document.text, start) || splitsPair(document.text, end)).toBe(false);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("with overlap each repeats at most so many tokens of the one before", async () => {
    const tokenizer = await loading;
    await fc.assert(
      fc.asyncProperty(anyDocuments, budgets, fc.integer({ min: 1, max: 15 }), async (document, maxTokens, overlap) => {
        const chunks = await chunksOf(
          createChunker(tokenizer, { strategy: "structure", maxTokens, overlap }),
          document,
        );
        const [spans] = await tokenizer.spans([document.text]);
        chunks.forEach((chunk, row) => {
          const before = chunks[row - 1];
          expect(document.text.slice(chunk.start, chunk.end)).toBe(chunk.text);
          expect(splitsPair(document.text, chunk.start)).toBe(false);
          expect(chunk.tokenIds.length).toBeLessThanOrEqual(maxTokens);
          if (before === undefined) {
            expect(chunk.start).toBe(0);
            return;
          }
          expect(chunk.start).toBeGreaterThan(before.start);
          expect(chunk.start).toBeLessThanOrEqual(before.end);
          expect(chunk.end).toBeGreaterThan(before.end);
          const repeated = spans?.ends.filter((end) => end > chunk.start && end <= before.end) ?? [];
          expect(repeated.length).toBeLessThanOrEqual(overlap);
        });
        expect(chunks.at(-1)?.end ?? document.text.length).toBe(document.text.length);
        expect(chunks.map((chunk) => chunk.tokenIds)).toEqual(
          await tokenizer.encode(chunks.map((chunk) => chunk.text)),
        );
      }),
      { numRuns: 150 },
    );
  });

  test("a document's chunks do not depend on its neighbours", async () => {
    const tokenizer = await loading;
    const documents = fc.array(anyDocuments, { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(documents, budgets, async (documents, maxTokens) => {
        const chunker = createChunker(tokenizer, { strategy: "structure", maxTokens, overlap: 5 });
        const alone = [];
        for (const document of documents) alone.push(await chunksOf(chunker, document));
        expect(await chunker.chunk(documents)).toEqual(alone);
      }),
      { numRuns: 30 },
    );
  });

  test("each knows the headings it stands under", async () => {
    const tokenizer = await loading;
    await fc.assert(
      fc.asyncProperty(structuredDocuments, budgets, async (document, maxTokens) => {
        const chunks = await chunksOf(
          createChunker(tokenizer, { strategy: "structure", maxTokens, overlap: 0 }),
          document,
        );
        for (const chunk of chunks) {
          const content = chunk.start + (chunk.text.length - chunk.text.trimStart().length);
          expect(chunk.headings).toEqual(pathAt(document, content));
        }
      }),
      { numRuns: 150 },
    );
  });

  if (isAdditive) {
    test("code that fits is whole", async () => {
      const tokenizer = await loading;
      await fc.assert(
        fc.asyncProperty(structuredDocuments, budgets, async (document, maxTokens) => {
          const chunks = await chunksOf(
            createChunker(tokenizer, { strategy: "structure", maxTokens, overlap: 0 }),
            document,
          );
          const code = document.blocks.filter((block) => block.kind === "code");
          const counts = await tokenizer.count(code.map(({ start, end }) => document.text.slice(start, end)));
          code.forEach(({ start, end }, row) => {
            if ((counts[row] ?? 0) > maxTokens - tokenizer.specialTokens) return;
            expect(chunks.some((chunk) => chunk.start <= start && chunk.end >= end)).toBe(true);
          });
        }),
        { numRuns: 150 },
      );
    });
  }
});

async function chunksOf(chunker: Chunker, document: Document): Promise<readonly Chunk[]> {
  const [chunks] = await chunker.chunk([document]);
  if (chunks instanceof MillraceError) throw chunks;
  return chunks ?? [];
}

function splitsPair(text: string, offset: number): boolean {
  return offset > 0 && (text.codePointAt(offset - 1) ?? 0) > 0xffff;
}

function pathAt(document: Document, offset: number): readonly string[] {
  const titles: (string | undefined)[] = [];
  for (const { kind, start, level = 1, title } of document.blocks) {
    if (kind !== "heading" || start > offset) continue;
    titles.length = level - 1;
    titles[level - 1] = title;
  }
  return titles.filter((title) => title !== undefined);
}
