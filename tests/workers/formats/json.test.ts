import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { memoryObject, noFields, parsed } from "./objects.ts";

describe("JSON", () => {
  test("an array of objects is a row each, in any pieces", async () => {
    const rows = fc.array(fc.record({ text: fc.string({ unit: "grapheme" }), n: fc.jsonValue() }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 50 }), fc.boolean(), async (rows, pieceSize, isIndented) => {
        const body = JSON.stringify(rows, null, isIndented ? 2 : 0);
        const { documents, thrown } = await parsed(memoryObject("a.json", `\ufeff ${body}\n`, pieceSize));
        expect(thrown).toBeUndefined();
        expect(documents.map(({ key, text }) => [key, text])).toEqual(rows.map(({ text }, row) => [String(row), text]));
      }),
    );
  });

  test("an array that breaks in the middle gives the rows before, then an object error", async () => {
    const broken = ['[{"text":"a"},{"text":"b"},{"te', '[{"text":"a"},{"text":"b"}}', '[{"text":"a"},{"text":"b"}] x'];
    for (const body of broken) {
      const { documents, thrown } = await parsed(memoryObject("a.json", body));
      expect(documents.map(({ text }) => text)).toEqual(["a", "b"]);
      expect(thrown?.code).toBe("E_OBJECT_FORMAT");
    }
    const { documents, thrown } = await parsed(
      memoryObject("a.json", Buffer.from('[{"text":"a"},{"text":"\xff"}]', "latin1"), 14),
    );
    expect(documents.map(({ text }) => text)).toEqual(["a"]);
    expect(thrown?.code).toBe("E_OBJECT_FORMAT");
  });

  test("elements that are no objects, and too large ones", async () => {
    expect((await parsed(memoryObject("a.json", '[1,{"text":"a"},[2]]'))).errors).toEqual({
      0: "E_ROW_PARSE",
      2: "E_ROW_PARSE",
    });
    const huge = `[{"text":"a"},{"text":"${"x".repeat(10_000)}"}]`;
    const { documents, thrown } = await parsed(memoryObject("a.json", huge, 100), noFields, { maxRowBytes: 1000 });
    expect(documents).toHaveLength(1);
    expect(thrown?.code).toBe("E_OBJECT_FORMAT");
  });

  test("one object is one document; without a text field its text is the file", async () => {
    expect((await parsed(memoryObject("a.json", '{"text":"a","title":"t"}'))).documents).toEqual([
      { key: "", text: "a", title: "t", payload: {}, blocks: [] },
    ]);
    const file = '{ "name": "x",\n "version": 1 }';
    expect((await parsed(memoryObject("a.json", file))).documents[0]?.text).toBe(file);
    expect(
      (await parsed(memoryObject("a.json", file), { text: ["name"], id: "version", payload: [] })).documents[0],
    ).toMatchObject({
      key: "1",
      text: "x",
    });
    expect((await parsed(memoryObject("a.json", file), { text: ["absent"], payload: [] })).errors).toEqual({
      0: "E_ROW_FIELD",
    });
  });

  test("one object a line is JSONL whatever the name", async () => {
    expect((await parsed(memoryObject("a.json", '{"text":"a"}\n{"text":"b"}\n'))).documents).toHaveLength(2);
  });

  test("nothing has no rows; what is broken or nested beyond reason is an error", async () => {
    expect((await parsed(memoryObject("a.json", " \n"))).rows).toEqual([]);
    for (const body of ['{"a": }', "{", '{"a":1} x', "nul", '"words"']) {
      expect((await parsed(memoryObject("a.json", body))).thrown?.code).toBe("E_OBJECT_FORMAT");
    }
    const nest = "[".repeat(1e5) + "]".repeat(1e5);
    expect((await parsed(memoryObject("a.json", nest))).errors).toEqual({ 0: "E_ROW_PARSE" });
    const row = await parsed(memoryObject("a.json", `[{"text":"a","n":${nest}}]`), { text: [], payload: ["*"] });
    expect(row.documents).toHaveLength(1);
  });
});
