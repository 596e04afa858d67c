import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { memoryObject, noFields, parsed } from "./objects.ts";

const lines = (...rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n");

describe("JSONL", () => {
  test("documents survive any pieces, line ends, blank lines and byte order mark", async () => {
    const row = fc.record({ id: fc.uuid(), text: fc.string({ unit: "binary" }), n: fc.jsonValue() });
    const shape = fc.record({
      rows: fc.uniqueArray(row, { selector: ({ id }) => id, maxLength: 12 }),
      pieceSize: fc.integer({ min: 1, max: 64 }),
      separator: fc.constantFrom("\n", "\r\n", "\n\n", "\n \t\r\n"),
      mark: fc.boolean(),
      endsInSeparator: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ rows, pieceSize, separator, mark, endsInSeparator }) => {
        const body = rows.map((item) => JSON.stringify(item)).join(separator) + (endsInSeparator ? separator : "");
        const object = memoryObject("a.jsonl", (mark ? "\ufeff" : "") + body, pieceSize);
        const { documents, errors } = await parsed(object, { id: "id", text: ["text"], payload: ["n"] });
        expect(errors).toEqual({});
        expect(documents.map(({ key, text }) => ({ key, text }))).toEqual(
          rows.map(({ id, text }) => ({ key: id, text: Buffer.from(text).toString() })),
        );
        expect(JSON.parse(JSON.stringify(documents.map(({ payload }) => payload)))).toEqual(
          documents.map(({ payload }) => payload),
        );
      }),
    );
  });

  test("UTF-16 with a byte order mark is read", async () => {
    const text = `\ufeff${lines({ text: "Grüße 🦉" }, { text: "b" })}\n`;
    const little = Buffer.from(text, "utf16le");
    const big = Buffer.from(little).swap16();
    for (const bytes of [little, big]) {
      const { documents } = await parsed(memoryObject("a.jsonl", bytes, 3));
      expect(documents.map(({ text }) => text)).toEqual(["Grüße 🦉", "b"]);
    }
  });

  test("each bad line is an error of its own row, and the next line is read", async () => {
    const bad = Buffer.concat([
      Buffer.from(`${lines({ text: "a" })}\n{"text": "x" "y"}\n`),
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d, 0x0a]),
      Buffer.from(`[1]\n"b"\n{"title": "only"}\n{"text": {"a": 1}}\n{"text\n${lines({ text: "z" })}`),
    ]);
    const { rows, errors, documents } = await parsed(memoryObject("a.jsonl", bad));
    expect(rows.map(({ row }) => row)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(errors).toEqual({
      1: "E_ROW_PARSE",
      2: "E_ROW_ENCODING",
      3: "E_ROW_PARSE",
      4: "E_ROW_PARSE",
      5: "E_ROW_FIELD",
      6: "E_ROW_FIELD",
      7: "E_ROW_PARSE",
    });
    expect(documents.map(({ text }) => text)).toEqual(["a", "z"]);
  });

  test("a parse error names line and column and quotes little of the text", async () => {
    const secret = "s3cret".repeat(100);
    const { rows } = await parsed(memoryObject("a.jsonl", `{}\n{"text": "${secret}", "b": ${secret}}`));
    const message = String(rows[1] && "error" in rows[1] && rows[1].error.message);
    expect(message).toContain(`line 2, column ${10 + secret.length + 9}:`);
    expect(message.length).toBeLessThan(120);
  });

  test("a line beyond the limit is dropped as it comes and parsing goes on", async () => {
    const { errors, documents } = await parsed(
      memoryObject("a.jsonl", lines({ text: "a" }, { text: "x".repeat(5000) }, { text: "b" }), 100),
      noFields,
      { maxRowBytes: 1000 },
    );
    expect(errors).toEqual({ 1: "E_ROW_TOO_LARGE" });
    expect(documents.map(({ text }) => text)).toEqual(["a", "b"]);
  });

  test("a line of 100 MB costs no more memory than the limit", async () => {
    const piece = Buffer.alloc(2 ** 20, "x");
    const object = {
      ...memoryObject("a.jsonl", '{"text":"a"}\n'),
      bytes: 100 * 2 ** 20,
      async *stream() {
        yield Buffer.from('{"text":"a"}\n');
        for (let count = 0; count < 100; count += 1) yield Buffer.from(piece);
        yield Buffer.from('\n{"text":"b"}');
      },
    };
    const before = process.memoryUsage().arrayBuffers;
    const { errors, documents } = await parsed(object, noFields, { maxRowBytes: 4 * 2 ** 20 });
    expect(errors).toEqual({ 1: "E_ROW_TOO_LARGE" });
    expect(documents).toHaveLength(2);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150 * 2 ** 20);
  });

  test("nesting of 10^5 levels, lone surrogates and prototype keys do no harm", async () => {
    const deep = `{"text":"deep","d":${"[".repeat(1e5)}${"]".repeat(1e5)}}`;
    const keys =
      '{"text":"k","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"n":{"__proto__":{"x":1}}}';
    const { documents } = await parsed(
      memoryObject("a.jsonl", `${deep}\n{"text":"a\\ud800b"}\n${keys}\n{"text":"hasOwnProperty","toString":1}`),
      { text: ["text"], payload: ["*"] },
    );
    expect(documents.map(({ text }) => text)).toEqual(["deep", "a\ufffdb", "k", "hasOwnProperty"]);
    expect(() => JSON.stringify(documents)).not.toThrow();
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("polluted");
    expect(documents[2]?.payload).toEqual({ constructor: { prototype: { polluted: 1 } }, n: {} });
    expect(Object.getPrototypeOf(documents[2]?.payload)).toBe(Object.prototype);
  });
});

describe("fields", () => {
  const one = async (row: object, fields = noFields) => {
    const { rows } = await parsed(memoryObject("a.jsonl", JSON.stringify(row)), fields);
    return rows[0] as (typeof rows)[number];
  };
  const document = async (row: object, fields = noFields) => {
    const result = await one(row, fields);
    if ("error" in result) throw result.error;
    return result.document;
  };

  test("without a mapping text, content or body is the text and title the title", async () => {
    expect(await document({ body: "b", content: "c", title: "t", x: 1 })).toMatchObject({
      key: "0",
      text: "c",
      title: "t",
    });
    expect((await document({ body: "b", text: null })).text).toBe("b");
    expect((await document({ text: "a", x: 1 })).payload).toEqual({});
  });

  test("mapped text fields are joined by a space, absent, null and empty ones left out", async () => {
    const mapping = { id: "_id", text: ["title", "text", "more"], title: "title", payload: ["year", "absent"] };
    expect(await document({ _id: 7, title: "T", text: null, more: "m", year: 1999 }, mapping)).toEqual({
      key: "7",
      text: "T m",
      title: "T",
      payload: { year: 1999 },
      blocks: [],
    });
    expect((await document({ _id: "a", title: "", text: "x" }, mapping)).text).toBe("x");
  });

  test("numbers, booleans and lists of strings are text, other values are not", async () => {
    expect((await document({ text: 1.5 })).text).toBe("1.5");
    expect((await document({ text: false })).text).toBe("false");
    expect((await document({ text: ["a", "b"] })).text).toBe("a\nb");
    expect(await one({ text: [1] })).toHaveProperty("error.code", "E_ROW_FIELD");
  });

  test("a missing text or id names the fields that are there", async () => {
    const missing = await one({ headline: "h", summary: "s" });
    expect(missing).toHaveProperty("error.message", expect.stringContaining('"headline", "summary"'));
    for (const id of [undefined, null, "", true, {}, []]) {
      expect(await one({ text: "a", id }, { id: "id", text: [], payload: [] })).toHaveProperty(
        "error.code",
        "E_ROW_FIELD",
      );
    }
  });

  test("the payload * keeps what is not text", async () => {
    const row = { text: "a", title: "t", list: [1, null], nested: { a: "b" } };
    expect((await document(row, { text: [], payload: ["*"] })).payload).toEqual({
      title: "t",
      list: [1, null],
      nested: { a: "b" },
    });
  });

  test("the later of two rows with one id is an error", async () => {
    const rows = [{ id: "a" }, { id: 1 }, { id: "1" }, { id: "a" }].map((row) => JSON.stringify({ ...row, text: "t" }));
    const { errors } = await parsed(memoryObject("a.jsonl", rows.join("\n")), { id: "id", text: [], payload: [] });
    expect(errors).toEqual({ 2: "E_ROW_DUPLICATE", 3: "E_ROW_DUPLICATE" });
  });
});
