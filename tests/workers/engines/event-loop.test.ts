import { expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../../support/corpus.ts";

test("the main process stays responsive while texts are split, encoded and written", async () => {
  const folder = await temporaryFolder();
  const large = longWords(2e6);
  await writeFiles(folder, {
    "docs/large.md": large,
    ...Object.fromEntries(Array.from({ length: 60 }, (_, file) => [`docs/${file}.md`, madeUpMarkdown(file, 6)])),
  });
  const { code, result } = await run(["index", "docs", "--model", tinyModel, "--json", "--hosts", "1"], {
    cwd: folder,
  });
  expect(code).toBe(0);
  expect(result.encoded.chunks).toBeGreaterThan(2_000);
  expect(result.eventLoopDelayP99Milliseconds).toBeLessThan(50);
}, 120_000);

/** Markdown of words so long that the tokenizer takes each for one token: many bytes, few chunks. */
function longWords(bytes: number): string {
  const paragraph = (number: number) =>
    `## Part ${number}\n\n${Array(20)
      .fill(`${number}${"word".repeat(30)}`)
      .join(" ")}\n`;
  const length = paragraph(100).length;
  return Array.from({ length: Math.ceil(bytes / length) }, (_, number) => paragraph(number)).join("\n");
}
