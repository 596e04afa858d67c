import { appendFile, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Finished } from "../support/command-line.ts";
import { madeUpMarkdown, madeUpPrompts, pointsOf, writeFiles } from "../support/corpus.ts";

/** A way to have an index job run. */
export interface RuntimeUnderTest {
  readonly name: string;
  /** Indexes `docs` of the folder into `<name>/store`, with its work in `<name>/work`. */
  index(...more: readonly string[]): Promise<Finished>;
  /** Answers `prompts.jsonl` of the folder into `<name>/answers.jsonl`, with its work in `<name>/work`. */
  generate(...more: readonly string[]): Promise<Finished>;
  /** Begins to index and ends it when the job has begun to encode. What is done is kept. */
  interrupt(...more: readonly string[]): Promise<void>;
}

/** Runtimes that work on the same corpus, the reference first. */
export interface OpenRuntimes {
  readonly folder: string;
  readonly runtimes: readonly [RuntimeUnderTest, RuntimeUnderTest];
  close(): Promise<void>;
}

const files = 60;

/**
 * What holds whichever runtime carries a job out: the manifest, the points, the quarantine and the summary are the same. Tests
 * build on each other: each runs the same job again after the corpus was changed.
 */
export function describeRuntimes(title: string, open: () => Promise<OpenRuntimes>): void {
  describe(title, () => {
    let opened: OpenRuntimes;

    beforeAll(async () => {
      opened = await open();
      await write(
        Object.fromEntries(Array.from({ length: files }, (_, file) => [`${file}.md`, madeUpMarkdown(file, 4)])),
      );
    }, 180_000);
    afterAll(() => opened?.close());

    const write = (pages: Readonly<Record<string, string>>) =>
      writeFiles(
        opened.folder,
        Object.fromEntries(Object.entries(pages).map(([name, text]) => [`docs/${name}`, text])),
      );
    const indexBoth = async (...more: readonly string[]) => {
      const [reference, other] = opened.runtimes;
      return [await reference.index(...more), await other.index(...more)] as const;
    };
    const outcomes = async () => {
      const [reference, other] = opened.runtimes;
      return [await outcomeOf(opened.folder, reference.name), await outcomeOf(opened.folder, other.name)] as const;
    };
    /** The same outcome, and what of it a scenario is about. */
    const same = async (...more: readonly string[]) => {
      const codes = (await indexBoth(...more)).map(({ code }) => code);
      const [expected, found] = await outcomes();
      expect(found).toEqual(expected);
      return { codes, summary: expected.head.summary, ...expected };
    };

    test("a fresh corpus", async () => {
      const { codes, summary, points } = await same();
      expect([codes, summary.documents, summary.worked.documents]).toEqual([[0, 0], files, files]);
      expect(points.size).toBe(summary.points);
    }, 180_000);

    test("one that has not changed", async () => {
      const { codes, summary } = await same();
      expect([codes, summary.documents, summary.worked.documents]).toEqual([[0, 0], files, 0]);
    }, 120_000);

    test("documents that changed, shrank, came and went", async () => {
      await write({ "1.md": madeUpMarkdown(1_001, 6), "2.md": madeUpMarkdown(2, 1), "new.md": madeUpMarkdown(77, 2) });
      await rm(join(opened.folder, "docs/3.md"));
      const { summary } = await same();
      expect([summary.documents, summary.worked.documents]).toEqual([files, 3]);
      expect(summary.deletedPoints).toBeGreaterThan(0);
    }, 120_000);

    test("everything again", async () => {
      const { summary } = await same("--full");
      expect([summary.worked.documents, summary.worked.unchangedDocuments]).toEqual([files, 0]);
    }, 180_000);

    test("rows that are bad", async () => {
      const rows = Array.from({ length: 50 }, (_, row) =>
        row % 10 === 3 ? "{ this is none" : JSON.stringify({ id: `${row % 40}`, text: `row ${row} of the table` }),
      );
      await write({ "rows.jsonl": rows.join("\n"), "broken.json": "[1, 2" });
      const { codes, quarantine } = await same("--id-field", "id");
      expect(codes).toEqual([3, 3]);
      expect(quarantine.length).toBeGreaterThanOrEqual(6);
      await rm(join(opened.folder, "docs/rows.jsonl"));
      await rm(join(opened.folder, "docs/broken.json"));
      expect((await same()).quarantine).toEqual([]);
    }, 180_000);

    test("a plan that was left half-way", async () => {
      const many = Object.fromEntries(
        Array.from({ length: 400 }, (_, file) => [`more/${file}.md`, madeUpMarkdown(file, 5)]),
      );
      await write(many);
      for (const runtime of opened.runtimes) await runtime.interrupt();
      const { codes, summary } = await same();
      expect([codes, summary.documents]).toEqual([[0, 0], files + 400]);
    }, 400_000);

    test("prompts, some of which are none, in more batches than are under way", async () => {
      await writeFiles(opened.folder, { "prompts.jsonl": madeUpPrompts(600) });
      const options = ["--id-field", "id", "--temperature", "0.9", "--max-new-tokens", "8", "--max-quarantined", "12"];
      const [reference, other] = opened.runtimes;
      const answersOf = ({ name }: RuntimeUnderTest) => readFile(join(opened.folder, name, "answers.jsonl"), "utf8");
      const runs = [await reference.generate(...options), await other.generate(...options)];
      for (const { code, result } of runs) {
        const { rows, failed, generatedTokens } = result;
        expect([code, rows, failed, Number(generatedTokens) > 2_000]).toEqual([0, 600, 12, true]);
      }
      expect(runs[1]?.result.promptTokens).toBe(runs[0]?.result.promptTokens);
      expect(await answersOf(other)).toBe(await answersOf(reference));
      const again = await other.generate(...options);
      expect([again.code, again.result.isUnchanged]).toEqual([0, true]);
    }, 120_000);

    test("an object that changes while the job runs", async () => {
      const large = Array.from({ length: 6_000 }, (_, row) => JSON.stringify({ text: `row ${row} of a long table` }));
      await write({
        "m.jsonl": large.join("\n"),
        "z.jsonl": JSON.stringify({ text: "the last one before the change" }),
      });
      const running = Promise.all(opened.runtimes.map((runtime) => runtime.index()));
      for (const { name } of opened.runtimes) await planned(join(opened.folder, name, "work"));
      await appendFile(
        join(opened.folder, "docs/z.jsonl"),
        `\n${JSON.stringify({ text: "written while the job ran" })}`,
      );
      expect((await running).map(({ code }) => code)).toEqual([0, 0]);
      const [expected, found] = await outcomes();
      expect(found.points).toEqual(expected.points);
      expect(found.head.pages).toEqual(expected.head.pages);
      expect([...found.points.values()].some((point) => point.includes("written while the job ran"))).toBe(true);
    }, 240_000);
  });
}

interface Outcome {
  readonly head: { readonly pages: unknown; readonly summary: Summary };
  readonly points: ReadonlyMap<string, string>;
  /** What each bad row or object is, and why. */
  readonly quarantine: readonly string[];
}

interface Summary {
  readonly documents: number;
  readonly points: number;
  readonly deletedPoints: number;
  readonly worked: { readonly documents: number; readonly unchangedDocuments: number };
}

/** All that a job leaves behind, but for what says which store it is. Pages of a manifest are named by their content. */
async function outcomeOf(folder: string, name: string): Promise<Outcome> {
  const work = join(folder, name, "work", await jobFolder(join(folder, name, "work")));
  const { store: _, engines: __, ...head } = JSON.parse(await readFile(join(work, "manifest/head.json"), "utf8"));
  const quarantine: string[] = [];
  for (const file of await readdir(join(work, "quarantine")).catch(() => [])) {
    const text = await readFile(join(work, "quarantine", file), "utf8");
    quarantine.push(...text.split("\n").filter((line) => line !== ""));
  }
  return { head, points: await pointsOf(join(folder, name, "store")), quarantine: quarantine.sort() };
}

async function jobFolder(work: string): Promise<string> {
  const names = (await readdir(work)).filter((name) => /^[0-9a-f]{16}$/.test(name));
  expect(names).toHaveLength(1);
  return names[0] as string;
}

/** Waits until the job has listed the corpus. */
async function planned(work: string): Promise<void> {
  for (let look = 0; look < 6_000; look += 1) {
    const place = join(work, await jobFolder(work), "plan");
    if ((await readdir(place).catch(() => [])).length > 0) return;
    await delay(5);
  }
  throw new Error("no plan came");
}
