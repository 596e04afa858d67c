import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { pointsOf, writeFiles } from "../support/corpus.ts";

const rows = 1_200;
const args = ["index", "docs", "--model", tinyModel, "--json", "--hosts", "1", "--max-quarantined", "9"];

/** Few words in many bytes: more than one shard may take, and still indexed in a moment. */
async function writeLargeFile(path: string): Promise<void> {
  const file = await open(path, "w");
  const filler = "x".repeat(60_000);
  for (let row = 0; row < rows; row += 1) {
    const line = row % 1_000 === 100 ? "{bad" : JSON.stringify({ text: `row number ${row}`, filler });
    await file.write(`${line}\n`);
  }
  await file.close();
}

test("a file of 72 MB is several shards, and every row of it one document", async () => {
  const folder = await temporaryFolder();
  await writeFiles(folder, { "docs/a.md": "# A small one\n\nbefore the large one" });
  await writeLargeFile(join(folder, "docs/rows.jsonl"));
  const planned = await run(["plan", ...args.slice(1, -2)], { cwd: folder });
  expect(planned.result.objects).toMatchObject({ newObjects: 2 });

  const { code, result } = await run(args, { cwd: folder });
  expect(code).toBe(0);
  expect(result).toMatchObject({ documents: { documents: rows - 1 }, quarantined: 2, store: { documents: rows - 1 } });
  const texts = [...(await pointsOf(join(folder, ".millrace/store"))).values()].map((point) => {
    const [{ document, path, text }] = JSON.parse(point);
    return path === "a.md" ? "small" : `${document}: ${text}`;
  });
  const numbers = Array.from({ length: rows }, (_, row) => row).filter((row) => row % 1_000 !== 100);
  expect(texts.sort()).toEqual(["small", ...numbers.map((row) => `${row}: row number ${row}`)].sort());
  // Rows 100 and 1,100 were rejected by different shards.
  const files = await readdir(join(folder, ".millrace/work"), { recursive: true });
  expect(files.filter((file) => /quarantine\/.+\.jsonl$/.test(file))).toHaveLength(2);

  const again = await run(args, { cwd: folder });
  expect(again.result.documents).toMatchObject({ documents: rows - 2, unchangedDocuments: rows - 2 });
}, 60_000);
