import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { canonicalJson, sha256 } from "@millrace/workers";
import { startQdrant } from "../services/qdrant-server.ts";
import { type Finished, run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, writeFiles } from "../support/corpus.ts";

const keep = ["--model", tinyModel, "--json", "--hosts", "1", "--keep-vectors", "--store", "source", "--work", "work"];
const qdrant = await startQdrant();
afterAll(() => qdrant?.stop());

let folder: string;
let job: string;

const command = (args: readonly string[]) => run([...args, "--json"], { cwd: folder });
const load = (place: string, store: string) => command(["load", place, "--store", store]);
const index = () => run(["index", "docs", ...keep], { cwd: folder });

/** A digest of every point by its id, whatever order its fields are in. */
async function contentOf(store: string): Promise<ReadonlyMap<string, string>> {
  const points = await pointsOf(store);
  return new Map([...points].map(([id, point]) => [id, sha256(canonicalJson(JSON.parse(point)))]));
}

beforeAll(async () => {
  folder = await temporaryFolder();
  for (let file = 0; file < 40; file += 1) await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file, 5) });
  expect((await index()).code).toBe(0);
  for (let file = 0; file < 10; file += 1) await rm(join(folder, `docs/${file}.md`));
  for (let file = 10; file < 20; file += 1) await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file, 2) });
  await writeFiles(folder, { "docs/new.md": madeUpMarkdown(99) });
  const { code, result } = await index();
  expect([code, result.deletedPoints > 0]).toEqual([0, true]);
  expect((await index()).code).toBe(0);
  const [id] = (await readdir(join(folder, "work"))).filter((name) => name !== "jobs");
  job = join("work", id as string);
}, 60_000);

describe("load", () => {
  test.each(["loaded", "jsonl:export", "parquet:columns"])(
    "fills %s as index filled its own, bit for bit, in any order of tries",
    async (store) => {
      const expected = await contentOf(join(folder, "source"));
      const place = store.replace(/(?<=:|^)(?=[a-z]+$)/, `${folder}/`);
      for (const from of [job, `${job}/vectors/`]) {
        const { code, result, stderr } = await load(from, place);
        expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("written from") });
        expect(result.files).toBeGreaterThan(1);
        expect(await contentOf(place)).toEqual(expected);
      }
    },
  );

  test("a vectors folder that was copied elsewhere is enough; killed midway, it is begun again", async () => {
    await cp(join(folder, job, "vectors"), join(folder, "copy"), { recursive: true });
    for (const wait of [300, 600, 900]) {
      const { child, finished } = await start(["load", "copy", "--store", "killed"], { cwd: folder });
      setTimeout(() => child.kill("SIGKILL"), wait);
      await finished;
    }
    expect((await load("copy", "killed")).code).toBe(0);
    expect(await contentOf(join(folder, "killed"))).toEqual(await contentOf(join(folder, "source")));
  });

  test("what was loaded can be searched with the model that it names", async () => {
    const { code, stdout } = await command(["search", "some words", "--store", "loaded", "--top", "2"]);
    expect([code, stdout.match(/"type":"hit"/g)?.length]).toEqual([0, 2]);
  });

  const onQdrant = qdrant === undefined ? test.skip : test;
  onQdrant("fills a collection of a Qdrant server, too", async () => {
    const store = `${qdrant?.uri}/loaded`;
    expect((await load(job, store)).code).toBe(0);
    expect(await contentOf(store)).toEqual(await contentOf(join(folder, "source")));
  });
});

describe("load says in one line", () => {
  const expectLine = ({ code, result, stderr }: Finished, expected: readonly [number, string]) => {
    expect([code, result.error?.code]).toEqual(expected);
    expect(stderr.match(/^error .*$/gm)).toHaveLength(1);
  };

  test("that a place holds nothing kept, that a work folder has several jobs, that no store is named", async () => {
    expectLine(await load("nowhere", "other"), [4, "E_VECTORS_MISSING"]);
    expectLine(await load("docs", "other"), [4, "E_VECTORS_MISSING"]);
    const root = await load("work", "other");
    expectLine(root, [4, "E_VECTORS_MISSING"]);
    expect(root.stderr).toContain(job.slice("work/".length));
    expectLine(await command(["load", job]), [2, "E_USAGE"]);
    expect(await readdir(folder)).not.toContain("other");
  });

  test("that the store is of another model", async () => {
    const other = ["--model", tinyModel, "--max-tokens", "32", "--store", "else", "--work", "else-work"];
    expect((await command(["index", "docs", ...other])).code).toBe(0);
    expectLine(await load(job, "else"), [4, "E_STORE_FINGERPRINT"]);
  });

  test("that a file is gone or damaged, or the log is", async () => {
    await cp(join(folder, job), join(folder, "spoilt"), { recursive: true });
    const vectors = join(folder, "spoilt/vectors");
    const names = await readdir(vectors, { recursive: true });
    const file = join(vectors, names.find((name) => name.endsWith(".arrow")) as string);
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(7, 100, 101));
    expectLine(await load("spoilt", "never"), [1, "E_IO"]);
    await rm(file);
    const gone = await load("spoilt", "never");
    expectLine(gone, [1, "E_IO"]);
    expect(gone.stderr).toMatch(/vectors\/.*\.arrow.*is gone/);
    const log = join(vectors, "log/000001.json");
    const entry = await readFile(log, "utf8");
    await writeFile(log, "{");
    expectLine(await load("spoilt", "never"), [1, "E_IO"]);
    await writeFile(log, "{}");
    expectLine(await load("spoilt", "never"), [1, "E_IO"]);
    await writeFile(log, entry);
    await rm(join(vectors, "log/000002.json"));
    expectLine(await load("spoilt", "never"), [4, "E_VECTORS_MISSING"]);
  });

  test("that a run without --keep-vectors let go of them", async () => {
    const args = keep.filter((word) => word !== "--keep-vectors");
    expect((await run(["index", "docs", ...args], { cwd: folder })).code).toBe(0);
    expectLine(await load(job, "never"), [4, "E_VECTORS_MISSING"]);
  });
});
