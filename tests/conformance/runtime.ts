import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { type Finished, run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, writeFiles } from "../support/corpus.ts";

/** What a runtime is started with, beside the job. */
export interface RuntimeUnderTest {
  readonly arguments: readonly string[];
  readonly environment: () => Readonly<Record<string, string>>;
}

/** What is left of a run: all of it but the names of stores and folders is the runtime's to get right. */
interface Remains {
  readonly code: number | null;
  readonly error: string | undefined;
  readonly summary: unknown;
  readonly points: ReadonlyMap<string, string>;
  readonly manifest: unknown;
  readonly quarantine: readonly unknown[];
  readonly verified: number | null;
}

interface Stage {
  readonly name: string;
  readonly change?: (folder: string) => Promise<void>;
  readonly arguments?: readonly string[];
}

const stages: readonly Stage[] = [
  { name: "a fresh corpus" },
  { name: "nothing changed" },
  {
    name: "files changed, new and gone",
    change: async (folder) => {
      await writeFiles(folder, { "docs/3.md": madeUpMarkdown(303), "docs/new.md": madeUpMarkdown(304, 6) });
      await rm(join(folder, "docs/5.md"));
    },
  },
  {
    name: "rows that cannot be read",
    change: (folder) => writeFiles(folder, { "docs/rows.jsonl": '{"text":"a row"}\n{"text": broken}\n{"text":"b"}\n' }),
  },
  { name: "everything again", arguments: ["--full"] },
  {
    name: "rows repaired",
    change: (folder) => writeFiles(folder, { "docs/rows.jsonl": '{"text":"a row"}\n{"text":"c"}\n{"text":"b"}\n' }),
  },
  { name: "nothing left, and not said", change: (folder) => rm(join(folder, "docs"), { recursive: true }) },
  {
    name: "nothing left, as it should be",
    change: (folder) => writeFiles(folder, { "docs/.keep": "" }),
    arguments: ["--allow-empty"],
  },
];

/** A job goes through the same stages on every runtime, and after each of them the same is left. */
export function describeRuntimes(runtimes: Readonly<Record<string, RuntimeUnderTest>>): void {
  const remains = new Map<string, readonly Remains[]>();

  test.each(Object.entries(runtimes))(
    "goes through all stages on %s",
    async (name, runtime) => {
      const folder = await temporaryFolder();
      for (let file = 0; file < 40; file += 1) await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file) });
      const left: Remains[] = [];
      for (const stage of stages) {
        await stage.change?.(folder);
        left.push(await remainsOf(folder, await index(folder, runtime, stage.arguments ?? []), runtime));
      }
      remains.set(name, left);
    },
    400_000,
  );

  test.each(stages.map(({ name }, place) => [name, place] as const))("%s: the same is left", (_, place) => {
    const [[, first], ...others] = [...remains] as [[string, readonly Remains[]], ...[string, readonly Remains[]][]];
    expect(others).toHaveLength(Object.keys(runtimes).length - 1);
    for (const [, other] of others) expect(other[place]).toEqual(first[place]);
  });

  test("the stages are what they say", () => {
    const [left] = [...remains.values()] as [readonly Remains[]];
    expect(left.map(({ code }) => code)).toEqual([0, 0, 0, 3, 3, 0, 4, 0]);
    expect(left.map(({ verified }) => verified)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    const [fresh, unchanged, changed] = left as [Remains, Remains, Remains];
    expect(fresh.points.size).toBeGreaterThan(40);
    expect(unchanged.points).toEqual(fresh.points);
    expect(changed.points).not.toEqual(fresh.points);
    expect(left.at(-1)?.points.size).toBe(0);
  });
}

function index(folder: string, { arguments: more, environment }: RuntimeUnderTest, stage: readonly string[]) {
  const places = ["--corpus", "docs", "--store", "store", "--work", "work"];
  const args = ["index", "docs", "--model", tinyModel, "--json", ...places, ...more, ...stage];
  return run(args, { cwd: folder, environment: environment() });
}

async function remainsOf(folder: string, { code, result }: Finished, runtime: RuntimeUnderTest): Promise<Remains> {
  const [job] = (await readdir(join(folder, "work/jobs"))).map((name) => name.replace(/\.json$/, ""));
  const work = join(folder, "work", job as string);
  const { summary, ...manifest } = await manifestOf(work);
  const verify = ["verify", "--work", "work", "--sample", "500", "--json"];
  const verified = await run(verify, { cwd: folder, environment: runtime.environment() });
  return {
    code,
    error: result.error?.code,
    summary,
    points: await pointsOf(join(folder, "store")),
    manifest,
    quarantine: await quarantineOf(join(work, "quarantine")),
    verified: verified.code,
  };
}

/** Without what differs between two folders of the same files: when they were written, and which store they are in. */
async function manifestOf(work: string) {
  const head = JSON.parse(await readFile(join(work, "manifest/head.json"), "utf8")) as ManifestHead;
  const { store: _, pages, ...facts } = head;
  const texts = await Promise.all(pages.map(({ key }) => readFile(join(work, key), "utf8")));
  const parts = linesOf(texts).map((line) => {
    const { version, ...part } = JSON.parse(line) as { readonly version: string };
    return { ...part, isToBeReadAgain: !/^[\w:-]+$/.test(version) };
  });
  return { ...facts, parts };
}

interface ManifestHead {
  readonly store: string;
  readonly pages: readonly { readonly key: string }[];
  readonly summary?: unknown;
}

async function quarantineOf(folder: string): Promise<readonly unknown[]> {
  const names = (await readdir(folder).catch(() => [])).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return linesOf(texts).map((line) => {
    const { version: _, ...record } = JSON.parse(line) as { readonly version: string };
    return record;
  });
}

function linesOf(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => text.split("\n").filter((line) => line !== ""));
}
