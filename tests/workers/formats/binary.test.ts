import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { formatFor } from "@millrace/workers";
import { parquetWriteBuffer } from "hyparquet-writer";
import { documentOf, memoryObject, noFields, parsed } from "./objects.ts";

const parquetBytes = (codec: "SNAPPY" | "UNCOMPRESSED" = "SNAPPY", rowGroupSize = 10) =>
  new Uint8Array(
    parquetWriteBuffer({
      codec,
      rowGroupSize,
      columnData: [
        { name: "id", data: Array.from({ length: 35 }, (_, row) => BigInt(row) + 2n ** 60n), type: "INT64" },
        {
          name: "text",
          data: Array.from({ length: 35 }, (_, row) => (row === 7 ? null : `text ${row} é`)),
          type: "STRING",
        },
        { name: "day", data: Array.from({ length: 35 }, () => new Date("2024-01-02T03:04:05Z")), type: "TIMESTAMP" },
        { name: "raw", data: Array.from({ length: 35 }, () => new Uint8Array([1, 255])), type: "BYTE_ARRAY" },
        { name: "n", data: Array.from({ length: 35 }, (_, row) => row / 2), type: "DOUBLE" },
      ],
    }),
  );

describe("Parquet", () => {
  test.each(["SNAPPY", "UNCOMPRESSED"] as const)("rows of several row groups, %s", async (codec) => {
    const { documents, errors } = await parsed(memoryObject("a.parquet", parquetBytes(codec)), {
      id: "id",
      text: ["text"],
      payload: ["*"],
    });
    expect(errors).toEqual({ 7: "E_ROW_FIELD" });
    expect(documents).toHaveLength(34);
    expect(documents[33]).toEqual({
      key: String(34n + 2n ** 60n),
      text: "text 34 é",
      payload: { id: String(34n + 2n ** 60n), day: "2024-01-02T03:04:05.000Z", n: 17 },
      blocks: [],
    });
  });

  test("only the bytes of the columns asked for are read", async () => {
    const names = Array.from({ length: 40 }, (_, column) => `c${column}`);
    const columnData = names.map((name) => ({
      name,
      data: Array.from({ length: 2000 }, (_, row) => `${name} ${(row * 7919) % 10_007} ${"words ".repeat(row % 9)}`),
      type: "STRING" as const,
    }));
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData, codec: "UNCOMPRESSED" }));
    const object = memoryObject("a.parquet", bytes);
    let bytesRead = 0;
    const read = async (start: number, end: number) => {
      bytesRead += end - start;
      return object.read(start, end);
    };
    const { documents } = await parsed({ ...object, read }, { text: ["c3"], payload: [] });
    expect(documents[1]).toEqual({ key: "1", text: "c3 7919 words ", payload: {}, blocks: [] });
    expect(bytesRead).toBeLessThan(bytes.length / 2);
  });

  test("compressed again, empty, or not Parquet at all", async () => {
    expect((await parsed(memoryObject("a.parquet.gz", gzipSync(parquetBytes())))).documents).toHaveLength(34);
    expect((await parsed(memoryObject("a.parquet", ""))).rows).toEqual([]);
    for (const bytes of ["PAR1", "not parquet at all", parquetBytes().subarray(0, -20), parquetBytes().subarray(40)]) {
      expect((await parsed(memoryObject("a.parquet", bytes))).thrown?.code).toBe("E_OBJECT_FORMAT");
    }
  });
});

/** The smallest PDF with text: one page a text, with a cross-reference table that is right. */
function pdfBytes(pages: readonly string[], title: string): Buffer {
  const kids = pages.map((_, page) => `${4 + 2 * page} 0 R`).join(" ");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ...pages.flatMap((text, page) => {
      const stream = `BT /F1 12 Tf 72 700 Td (${text}) Tj ET`;
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * page} 0 R >>`,
        `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
      ];
    }),
    `<< /Title (${title}) >>`,
  ];
  let body = "%PDF-1.4\n";
  const offsets = objects.map((object, index) => {
    const offset = body.length;
    body += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(offset).padStart(10, "0")} 00000 n \n`;
  });
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.join("")}`;
  const trailer = `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info ${objects.length} 0 R >>\nstartxref\n${body.length}\n%%EOF\n`;
  return Buffer.from(body + table + trailer, "latin1");
}

describe("PDF", () => {
  test("text by page, title of the metadata", async () => {
    const document = await documentOf("a.pdf", pdfBytes(["Hello first page", "And the second"], "The title"));
    expect(document).toMatchObject({ text: "Hello first page\n\nAnd the second", title: "The title", blocks: [] });
  });

  test("a damaged or empty PDF is an object error", async () => {
    for (const bytes of ["", "%PDF-1.4", "words", Buffer.alloc(5000, 7)]) {
      expect((await parsed(memoryObject("a.pdf", bytes))).thrown?.code).toBe("E_OBJECT_FORMAT");
    }
  });
});

describe("text", () => {
  test("the text as it lies, without byte order mark", async () => {
    expect(await documentOf("a.txt", "\ufeffa\r\n\r\nb\u00e9\n")).toEqual({
      key: "",
      text: "a\r\n\r\nbé\n",
      payload: {},
      blocks: [],
    });
    expect((await documentOf("a.txt", Buffer.from("\ufeffGrüße", "utf16le"))).text).toBe("Grüße");
    expect((await documentOf("a.log", Buffer.from("\ufeffGrüße", "utf16le").swap16())).text).toBe("Grüße");
  });

  test("an empty file is one empty document", async () => {
    for (const key of ["a.txt", "a.md", "a.rst", "a.html", "a.log", "README"]) {
      expect((await documentOf(key, "")).text).toBe("");
    }
  });

  test("bad UTF-8 names the byte and is not guessed", async () => {
    const bytes = Buffer.from("na\ufffd\u00efve caf\u00e9 ", "utf8");
    const { rows } = await parsed(memoryObject("a.txt", Buffer.concat([bytes, Buffer.from([0xe9, 0x20])])));
    expect(rows[0]).toHaveProperty("error.code", "E_ROW_ENCODING");
    expect(rows[0]).toHaveProperty("error.message", expect.stringContaining(`byte ${bytes.length} `));
    const odd = Buffer.concat([Buffer.from("\ufeffa", "utf16le"), Buffer.from([0x61])]);
    expect((await parsed(memoryObject("a.txt", odd))).errors).toEqual({ 0: "E_ROW_ENCODING" });
  });

  test("binary data under a text's name is refused", async () => {
    const controls = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 31));
    for (const key of ["a.txt", "a.md", "a.html", "a.rst", "core"]) {
      expect((await parsed(memoryObject(key, Buffer.from("a\0b")))).thrown?.code).toBe("E_OBJECT_BINARY");
      expect((await parsed(memoryObject(key, controls))).thrown?.code).toBe("E_OBJECT_BINARY");
    }
    expect((await parsed(memoryObject("a.jsonl", controls))).thrown?.code).toBe("E_OBJECT_BINARY");
  });

  test("a file beyond the limit is left out", async () => {
    const { errors } = await parsed(memoryObject("a.txt", "x".repeat(2000)), noFields, { maxObjectBytes: 1000 });
    expect(errors).toEqual({ 0: "E_ROW_TOO_LARGE" });
  });
});

test.each([
  ["a.md", "x", "markdown"],
  ["A.JSONL.GZ", gzipSync("{}"), "jsonl"],
  ["a.json", "{}", "json"],
  ["a.json", '{"a":1}\n{"a":2}', "jsonl"],
  ["a.csv", "", "csv"],
  ["a.pdf", "", "pdf"],
  ["a.bin", "%PDF-1.4", "pdf"],
  ["data", parquetBytes(), "parquet"],
  ["page", "<!DOCTYPE html><p>x", "html"],
  ["README", "words", "text"],
  ["a.tar.gz", gzipSync("words"), "text"],
])("the format of %s", async (key, content, name) => {
  expect((await formatFor(memoryObject(key, content))).name).toBe(name);
});
