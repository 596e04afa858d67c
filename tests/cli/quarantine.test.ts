import { createWriteStream } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { pointsOf, writeFiles } from "../support/corpus.ts";

/** Stands in every bad document: no quarantine file may hold it. */
const secret = "quixotic";
const gzipped = gzipSync("text that was packed");
const flipped = Buffer.from(gzipped).fill(0, gzipped.length - 8, gzipped.length - 4);

/** Object → the codes it gives, in the order of its rows. */
const expected = {
  "array.json": ["E_OBJECT_FORMAT"],
  "binary.txt": ["E_OBJECT_BINARY"],
  "broken.parquet": ["E_OBJECT_FORMAT"],
  "broken.pdf": ["E_OBJECT_FORMAT"],
  "checksum.txt.gz": ["E_OBJECT_COMPRESSION"],
  "latin.txt": ["E_ROW_ENCODING"],
  "long.jsonl": ["E_ROW_TOO_LARGE"],
  "quote.csv": ["E_ROW_PARSE"],
  "rows.jsonl": ["E_ROW_PARSE", "E_ROW_FIELD", "E_ROW_ENCODING"],
  "truncated.txt.gz": ["E_OBJECT_COMPRESSION"],
};
const files = {
  "array.json": `[{"text":"first element"},{"text": ${secret}}]`,
  "binary.txt": Buffer.from(Array.from({ length: 4096 }, (_, byte) => (byte * 7) % 256)),
  "broken.parquet": `PAR1 ${secret}`,
  "broken.pdf": `%PDF-1.4 ${secret}`,
  "checksum.txt.gz": flipped,
  "front.md": `---\ntitle: [${secret}\n---\n\n# A heading\n`,
  "good.md": "# Good\n\nwords that can be found",
  "latin.txt": Buffer.from(`caf\u00e9 ${secret}`, "latin1"),
  "quote.csv": `text,more\nfirst record,x\n"${secret}\n`,
  "rows.jsonl": Buffer.concat([
    Buffer.from(`{"text":"row before"}\n{"text": ${secret}}\n{"other":"${secret}"}\n`),
    Buffer.from(`{"text":"${secret} \u00ff"}\n{"text":"row after"}\n`, "latin1"),
  ]),
  "truncated.txt.gz": gzipped.subarray(0, -12),
  "empty.md": "",
};
const args = ["index", "docs", "--model", tinyModel, "--json", "--hosts", "1"];

interface Entry {
  readonly object: string;
  readonly row?: number;
  readonly code: string;
  readonly reason: string;
}

describe("what cannot be read", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (const [name, content] of Object.entries(files)) await writeFiles(folder, { [`docs/${name}`]: content });
    await pipeline(Readable.from(longLine()), createWriteStream(join(folder, "docs/long.jsonl")));
    const { code, result, stderr } = await run(args, { cwd: folder });
    expect(code).toBe(3);
    expect(result).toMatchObject({ ok: false, exitCode: 3, quarantined: 12, error: { code: "E_QUARANTINE" } });
    expect(stderr.match(/^error .*$/gm)).toEqual([expect.stringMatching(/^error E_QUARANTINE: 12 rows .*--max-quar/)]);
  }, 60_000);

  test("is listed in the quarantine with object, row, code and reason, and without its text", async () => {
    const text = await quarantineText(folder);
    expect(text).not.toContain(secret);
    const codes: Record<string, string[]> = {};
    for (const { object, code, reason } of entries(text)) {
      codes[object] = [...(codes[object] ?? []), code];
      expect(reason.length).toBeGreaterThan(20);
      expect(reason).not.toContain("[object Object]");
    }
    expect(codes).toEqual(expected);
    const rows = entries(text).filter(({ object }) => object === "rows.jsonl");
    expect(rows.map(({ row }) => row)).toEqual([1, 2, 3]);
  });

  test("leaves the rest to be found", async () => {
    const points = [...(await pointsOf(join(folder, ".millrace/store"))).values()].join("\n");
    for (const words of ["words that can be found", "row before", "row after", "first element", "after the long line"])
      expect(points).toContain(words);
    const { stdout } = await run(["search", "row after", "--json", "--filter", "path:rows.jsonl"], { cwd: folder });
    expect(stdout).toContain('"row after"');
  });

  test("fails the next run as it failed this one, unless it is allowed; nothing is encoded again", async () => {
    const again = await run(args, { cwd: folder });
    expect([again.code, again.result.quarantined, again.result.encoded.chunks]).toEqual([3, 12, 0]);
    const allowed = await run([...args, "--max-quarantined", "12"], { cwd: folder });
    expect([allowed.code, allowed.result.ok, allowed.result.quarantined]).toEqual([0, true, 12]);
    expect(entries(await quarantineText(folder))).toHaveLength(12);
  });

  test("is indexed once it is repaired, and the quarantine is empty", async () => {
    for (const name of Object.keys(expected)) await rm(join(folder, "docs", name));
    await writeFiles(folder, {
      "docs/rows.jsonl": '{"text":"row before"}\n{"text":"row that was broken"}\n{"text":"row after"}\n',
      "docs/latin.txt": "caf\u00e9 in UTF-8",
      "docs/truncated.txt.gz": gzipped,
    });
    const { code, result } = await run(args, { cwd: folder });
    expect([code, result.quarantined]).toEqual([0, 0]);
    const points = [...(await pointsOf(join(folder, ".millrace/store"))).values()].join("\n");
    for (const words of ["row that was broken", "caf\u00e9 in UTF-8", "text that was packed"])
      expect(points).toContain(words);
    expect(points).not.toContain("first element");
    expect(await quarantineText(folder)).toBe("");
  });

  test("a field that was misspelt: the next run with the right one reads everything again", async () => {
    const places = ["--store", "fields", "--work", "work"];
    await writeFiles(folder, { "rows/a.jsonl": '{"title":"T","words":"alpha"}\n{"title":"U","words":"beta"}\n' });
    const index = (field: string) =>
      run(["index", "rows", "--model", tinyModel, "--json", "--text-field", field, ...places], { cwd: folder });
    const wrong = await index("wrods");
    expect([wrong.code, wrong.result.quarantined, wrong.result.store.points]).toEqual([3, 2, 0]);
    const right = await index("words");
    expect([right.code, right.result.store.points]).toEqual([0, 2]);
    const other = await index("title");
    expect([other.code, other.result.encoded.chunks, other.result.store.points]).toEqual([0, 2, 2]);
    const points = [...(await pointsOf(join(folder, "fields"))).values()].join("\n");
    expect(points).toContain('"text":"T"');
    expect(points).not.toContain("alpha");
  });

  test("standard input that is not JSON lines", async () => {
    const places = ["--store", "stdin-store", "--work", "stdin-work"];
    const piped = (input: string) =>
      run(["index", "-", "--model", tinyModel, "--json", ...places], { cwd: folder, input });
    const bad = await piped("no json\n{\n");
    expect([bad.code, bad.result.quarantined]).toEqual([3, 2]);
    const good = await piped('{"text":"from a pipe"}\n');
    expect([good.code, good.result.store.points]).toEqual([0, 1]);
    expect((await readdir(join(folder, "stdin-work"))).filter((name) => name.startsWith("stdin"))).toEqual([]);
  });
});

/** A good line, one of 100 MB, and another good one; held in memory by nobody. */
function* longLine(): Generator<string> {
  yield '{"text":"before the long line"}\n{"text":"';
  for (let megabyte = 0; megabyte < 100; megabyte += 1) yield `${secret} `.repeat(111_112);
  yield '"}\n{"text":"after the long line"}\n';
}

async function quarantineText(folder: string): Promise<string> {
  const [job] = await readdir(join(folder, ".millrace/work"));
  const quarantine = join(folder, ".millrace/work", job as string, "quarantine");
  const names = await readdir(quarantine).catch(() => []);
  return (await Promise.all(names.map((name) => readFile(join(quarantine, name), "utf8")))).join("");
}

function entries(text: string): readonly Entry[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Entry);
}
