import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { memoryObject, noFields, parsed } from "./objects.ts";

const quoted = (cell: string) => (/[",\r\n;\t|]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

describe("CSV", () => {
  test("cells survive any pieces, line ends, quotes and byte order mark", async () => {
    const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r\n", ";", "é", "🦉", " ") });
    const shape = fc.record({
      rows: fc.array(fc.tuple(cell, cell), { maxLength: 10 }),
      pieceSize: fc.integer({ min: 1, max: 40 }),
      lineEnd: fc.constantFrom("\n", "\r\n"),
      delimiter: fc.constantFrom(",", ";", "\t", "|"),
      mark: fc.constantFrom("", "\ufeff"),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ rows, pieceSize, lineEnd, delimiter, mark }) => {
        const records = [["text", "note"], ...rows.map(([text, note]) => [`x${text}`, `y${note}`])];
        const body = records.map((cells) => cells.map(quoted).join(delimiter) + lineEnd).join("");
        const { documents, errors } = await parsed(memoryObject("a.csv", mark + body, pieceSize), {
          text: ["text"],
          payload: ["note"],
        });
        expect(errors).toEqual({});
        expect(documents.map(({ text, payload }) => [text, payload.note])).toEqual(
          rows.map(([text, note]) => [`x${text}`, `y${note}`]),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("a stray quote costs its own line only", async () => {
    const csv = 'id,text\n1,a\n2,5" disk\n3,b\n4,"open\n5,c\n6,d "x" e\n7,"ok ""quoted"""\n8,"end\n9,z\n';
    const { rows, errors, documents } = await parsed(memoryObject("a.csv", csv), {
      id: "id",
      text: ["text"],
      payload: [],
    });
    expect(documents.map(({ key }) => key)).toEqual(["1", "3", "5", "7", "9"]);
    expect(Object.values(errors)).toEqual(["E_ROW_PARSE", "E_ROW_PARSE", "E_ROW_PARSE", "E_ROW_PARSE"]);
    expect(rows.map(({ row }) => row)).toEqual(rows.map((_, index) => index));
  });

  test("rows of too many cells, bad UTF-8 and too many bytes are errors of their rows", async () => {
    const csv = Buffer.concat([
      Buffer.from("text,b\na,1\nb,1,2\n\nc\n"),
      Buffer.from([0x64, 0xff, 0x0a]),
      Buffer.from(`${"x".repeat(200)}\ne,2`),
    ]);
    const { errors, documents } = await parsed(memoryObject("a.csv", csv, 7), noFields, { maxRowBytes: 100 });
    expect(documents.map(({ text }) => text)).toEqual(["a", "c", "e"]);
    expect(errors).toEqual({ 1: "E_ROW_PARSE", 3: "E_ROW_ENCODING", 4: "E_ROW_TOO_LARGE" });
  });

  test("a column named __proto__ changes no prototype", async () => {
    const { documents } = await parsed(memoryObject("a.csv", "text,__proto__,constructor\na,b,c"), {
      text: [],
      payload: ["*"],
    });
    expect(documents[0]?.payload).toEqual({ constructor: "c" });
    expect(Object.getPrototypeOf(documents[0]?.payload)).toBe(Object.prototype);
  });

  test("nothing, a header alone, and old Mac line ends", async () => {
    expect((await parsed(memoryObject("a.csv", ""))).rows).toEqual([]);
    expect((await parsed(memoryObject("a.tsv", "text\tb\n"))).rows).toEqual([]);
    expect((await parsed(memoryObject("a.csv", "text,b\ra,1\rb,2"))).thrown?.code).toBe("E_OBJECT_FORMAT");
  });

  test("a file of stray quotes is read to its end", async () => {
    const csv = `text\n${'a "b\n'.repeat(3_000)}`;
    const { errors } = await parsed(memoryObject("a.csv", csv));
    expect(Object.keys(errors)).toHaveLength(3_000);
  });
});
