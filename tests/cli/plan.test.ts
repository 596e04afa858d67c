import { cp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../support/corpus.ts";

const plan = ["plan", "docs", "--model", tinyModel, "--hosts", "1"];
const index = ["index", "docs", "--model", tinyModel, "--hosts", "1", "--json"];

describe("plan", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFiles(folder, {
      "docs/a.md": madeUpMarkdown(1, 8),
      "docs/b.md": madeUpMarkdown(2),
      "docs/rows.jsonl": '{"text":"one row"}\n{"text":"another row"}\n{broken\n',
    });
  });

  test("before anything is there, and after changes: says what index then does, and writes nothing", async () => {
    await expectPlanKept({ newObjects: 3, changedObjects: 0, removedObjects: 0, unchangedObjects: 0 });
    await writeFiles(folder, {
      "docs/a.md": madeUpMarkdown(3, 2),
      "docs/c.md": madeUpMarkdown(4),
      "docs/rows.jsonl": '{"text":"one row"}\n{"text":"another row now"}\n',
    });
    await rm(join(folder, "docs/b.md"));
    await expectPlanKept({ newObjects: 1, changedObjects: 2, removedObjects: 1, unchangedObjects: 0 });
    await expectPlanKept({ newObjects: 0, changedObjects: 0, removedObjects: 0, unchangedObjects: 3 });
  }, 60_000);

  test("of standard input writes nothing either", async () => {
    const places = ["--store", "s", "--work", "w"];
    const before = await treeOf(folder);
    const args = ["plan", "-", "--model", tinyModel, "--json", ...places];
    const { result } = await run(args, { cwd: folder, input: '{"text":"piped"}\n' });
    expect(result).toMatchObject({ documents: 1, chunks: 1, objects: { newObjects: 1 } });
    expect(await treeOf(folder)).toEqual(before);
    const indexed = ["index", "-", "--model", tinyModel, "--json", ...places];
    await run(indexed, { cwd: folder, input: '{"text":"piped"}\n' });
    const again = await run(args, { cwd: folder, input: '{"text":"piped"}\n' });
    expect(again.result.objects).toMatchObject({ newObjects: 0, unchangedObjects: 1 });
  });

  test("says what it costs where it knows what an hour costs", async () => {
    const copy = await temporaryFolder();
    await cp(join(folder, "docs"), join(copy, "docs"), { recursive: true });
    const free = await run(plan, { cwd: copy });
    expect(free.stdout).toMatch(/^objects .* 3 new[\s\S]*^time .* tokens\/s[\s\S]*^cost .*--price-per-hour$/m);
    const priced = await run([...plan, "--price-per-hour", "3600"], { cwd: copy });
    expect(priced.stdout).toMatch(/^cost +\d+\.\d+$/m);
    const { result } = await run([...plan, "--price-per-hour", "3600", "--json"], { cwd: copy });
    expect(result.cost).toBeCloseTo(result.seconds as number, 10);
    expect(result.seconds).toBeCloseTo((result.tokens as number) / (result.tokensPerSecond as number), 10);
    expect(await readdir(copy)).toEqual(["docs"]);
  });

  async function expectPlanKept(objects: Readonly<Record<string, number>>): Promise<void> {
    const before = await treeOf(folder);
    const planned = await run([...plan, "--json"], { cwd: folder });
    expect(planned.result.objects).toMatchObject(objects);
    expect(await treeOf(folder)).toEqual(before);
    const { result } = await run(index, { cwd: folder });
    const { documents, unchangedDocuments, chunks, tokens, quarantined } = planned.result;
    expect(planned.result.objects).toEqual(result.objects);
    expect({ documents, unchangedDocuments, chunks, tokens, quarantined }).toEqual({
      documents: result.documents.documents,
      unchangedDocuments: result.documents.unchangedDocuments,
      chunks: result.encoded.chunks,
      tokens: result.encoded.tokens,
      quarantined: result.quarantined,
    });
  }
});

/** Every file and folder with its size and times. */
async function treeOf(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs, ctimeMs } = await stat(join(folder, name));
      return `${name} ${size} ${mtimeMs} ${ctimeMs}`;
    }),
  );
}
