import { expect, test } from "@jest/globals";
import { createChunker, loadTokenizer } from "@millrace/workers";
import { plain } from "../../support/documents.ts";
import { golden } from "../../support/tokenizers.ts";

const gigabyte = 2 ** 30;

test("10 MB of words", async () => {
  const tokenizer = await loadTokenizer(golden("wordpiece-tokenizer.json"));
  const before = process.memoryUsage().rss;
  const text = "sentence ".repeat(10_000_000 / 9);
  const [chunks] = await createChunker(tokenizer, { strategy: "structure", maxTokens: 512, overlap: 0 }).chunk([
    plain(text),
  ]);
  expect(chunks).toHaveLength(Math.ceil(10_000_000 / 9 / 504));
  expect(process.memoryUsage().rss - before).toBeLessThan(gigabyte);
});

test("10 MB of one word", async () => {
  const tokenizer = await loadTokenizer(golden("wordpiece-tokenizer.json"));
  const before = process.memoryUsage().rss;
  expect(await tokenizer.count(["a".repeat(10_000_000)])).toEqual([1]);
  expect(process.memoryUsage().rss - before).toBeLessThan(gigabyte);
});
