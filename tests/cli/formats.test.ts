import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { parquetWriteBuffer } from "hyparquet-writer";
import { type Finished, run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { writeFiles } from "../support/corpus.ts";

const rows = (format: string) => [
  { key: `${format}-1`, head: `${format} one`, body: `first ${format} words`, lang: "en", n: 1 },
  { key: `${format}-2`, head: `${format} two`, body: `second ${format} words`, lang: "de", n: 2 },
];
const separated = (format: string, separator: string) =>
  [
    ["key", "head", "body", "lang", "n"],
    ...rows(format).map(({ key, head, body, lang, n }) => [key, head, body, lang, n]),
  ]
    .map((line) => line.join(separator))
    .join("\n");
const jsonLines = (format: string) =>
  rows(format)
    .map((row) => JSON.stringify(row))
    .join("\n");

const files: Readonly<Record<string, string | Uint8Array>> = {
  "guide.md": "# Guide\n\nmarkdown words",
  "page.mdx": "# Page\n\nmdx words",
  "plain.txt": "plain words",
  "more.rst": "Title\n=====\n\nrestructured words",
  "site/index.html": "<html><head><title>Site</title></head><body><p>html words</p></body></html>",
  "table.csv": separated("csv", ","),
  "table.tsv": separated("tsv", "\t"),
  "lines.jsonl": jsonLines("jsonl"),
  "lines.ndjson": jsonLines("ndjson"),
  "list.json": JSON.stringify(rows("json")),
  "packed.jsonl.gz": gzipSync(jsonLines("gzip")),
  "packed.csv.zst": zstdCompressSync(separated("zstd", ",")),
  "packed.md.gz": gzipSync("# Packed\n\npacked markdown words"),
  "table.parquet": parquetBytes(),
  "paper.pdf": pdfBytes("pdf words"),
  "ignored.png": "no text",
};
const fields = ["--id-field", "key", "--text-field", "body", "--title-field", "head"];
const payload = ["--payload-fields", "lang,n"];
const structured = ["csv", "tsv", "jsonl", "ndjson", "json", "gzip", "zstd", "parquet"];

describe("every format in one corpus", () => {
  let folder: string;
  const search = (...args: readonly string[]) => run(["search", ...args, "--json"], { cwd: folder });

  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFiles(join(folder, "docs"), files);
    const indexed = await run(["index", "docs", "--model", tinyModel, "--json", ...fields, ...payload], {
      cwd: folder,
    });
    expect([indexed.code, indexed.stderr]).toEqual([0, expect.not.stringContaining("quarantine")]);
    expect(indexed.result).toMatchObject({ objects: { newObjects: 15 }, documents: { documents: 7 + 16 } });
  }, 30_000);

  test("every document is there with key, title and payload", async () => {
    const { stdout, code } = await search("words", "--top", "100");
    const hits = hitsOf(stdout);
    expect([code, hits.length]).toEqual([0, 23]);
    for (const format of structured) {
      const hit = hits.find(({ document }) => document === `${format}-2`);
      expect(hit).toMatchObject({ title: `${format} two`, text: `second ${format} words` });
      expect(hit?.payload.lang).toBe("de");
      expect(Number(hit?.payload.n)).toBe(2);
    }
    for (const words of ["markdown", "mdx", "plain", "restructured", "html", "packed markdown", "pdf"])
      expect(hits.filter(({ text }) => text.includes(`${words} words`)).length).toBeGreaterThan(0);
    const scores = hits.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  test("every line is an event, the last one the result", async () => {
    const { stdout, stderr } = await search("words", "--top", "3");
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).toEqual(["hit", "hit", "hit", "result"]);
    const where = { device: "cpu", provider: "CPUExecutionProvider" };
    expect(events.at(-1)).toEqual({ type: "result", ok: true, exitCode: 0, hits: 3, ...where });
    expect(stderr).toBe("");
  });

  test.each([
    [["path:*.md"], ["guide.md"]],
    [["path:*.md*"], ["guide.md", "packed.md.gz", "page.mdx"]],
    [["path:site/*"], ["site/index.html"]],
    [["title:csv *"], ["table.csv", "table.csv"]],
    [
      ["payload.lang:de", "path:lines.*"],
      ["lines.jsonl", "lines.ndjson"],
    ],
    [["document:tsv-1"], ["table.tsv"]],
    [["payload.nothing:x"], []],
  ])("the filters %p leave %p", async (filters, paths) => {
    const { stdout } = await search("words", "--top", "50", ...filters.flatMap((filter) => ["--filter", filter]));
    expect(
      hitsOf(stdout)
        .map(({ path }) => path)
        .sort(),
    ).toEqual([...paths].sort());
  });

  test.each([
    [["docs/table.csv"], 2],
    [["docs/*.jsonl"], 2],
    [["docs", "--include", "**/*.md", "--include", "*.txt"], 2],
    [["docs", "--exclude", "table.*", "--exclude", "lines.*", "--exclude", "packed.*"], 6 + 2],
    [["docs", "--include", "*.md", "--exclude", "guide.*", "--allow-empty"], 0],
  ])("%p takes %p documents", async (source, documents) => {
    const { result } = await run(["plan", ...source, "--model", tinyModel, "--json", ...fields, "--store", "none"], {
      cwd: folder,
    });
    expect(result.error?.code === "E_CORPUS_EMPTY" ? 0 : result.documents).toBe(documents);
  });

  test("fields may be repeated instead, or come from standard input", async () => {
    const repeated = ["--payload-fields", "lang", "--payload-fields", "n", "--store", "piped", "--work", "piped-work"];
    const args = ["index", "-", "--model", tinyModel, "--json", ...fields, ...repeated];
    const { code, result } = await run(args, { cwd: folder, input: jsonLines("pipe") });
    expect([code, result.store.points]).toEqual([0, 2]);
    const { stdout } = await search("words", "--store", "piped", "--filter", "payload.n:2");
    expect(hitsOf(stdout)).toMatchObject([{ document: "pipe-2", payload: { lang: "de", n: 2 } }]);
  });
});

interface Hit {
  readonly score: number;
  readonly path: string;
  readonly document: string;
  readonly title: string;
  readonly text: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

function hitsOf(stdout: Finished["stdout"]): readonly Hit[] {
  const events = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly type: string });
  return events.filter(({ type }) => type === "hit") as unknown as readonly Hit[];
}

function parquetBytes(): Uint8Array {
  const names = ["key", "head", "body", "lang"] as const;
  const columns = names.map((name) => ({
    name,
    data: rows("parquet").map((row) => row[name]),
    type: "STRING" as const,
  }));
  const numbers = { name: "n", data: rows("parquet").map(({ n }) => n), type: "INT32" as const };
  return new Uint8Array(parquetWriteBuffer({ columnData: [...columns, numbers] }));
}

/** The smallest PDF of one page with text; readers rebuild the cross-reference table it lacks. */
function pdfBytes(text: string): Uint8Array {
  const stream = `BT /F1 12 Tf 72 700 Td (${text}) Tj ET`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents 5 0 R >>",
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
  ];
  const body = objects.map((object, index) => `${index + 1} 0 obj\n${object}\nendobj\n`).join("");
  return Buffer.from(`%PDF-1.4\n${body}trailer\n<< /Size 6 /Root 1 0 R >>\n%%EOF\n`, "latin1");
}
