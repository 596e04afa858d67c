import { describe, expect, test } from "@jest/globals";
import { matchesFilter, parseFilter } from "@millrace/workers";
import fc from "fast-check";
import { recordOf } from "../../conformance/sink-points.ts";

const isMatch = (text: string, pattern: string) => {
  return matchesFilter(recordOf({ id: "1", path: text }), { field: "path", pattern });
};

describe("parseFilter", () => {
  test("cuts at the first colon", () => {
    expect(parseFilter("path:*.md")).toEqual({ field: "path", pattern: "*.md" });
    expect(parseFilter("payload.lang:en")).toEqual({ field: "payload.lang", pattern: "en" });
    expect(parseFilter("title:a:b")).toEqual({ field: "title", pattern: "a:b" });
    expect(parseFilter("corpus:")).toEqual({ field: "corpus", pattern: "" });
  });

  test.each(["path", "", ":x", "text:x", "payload:x", "payload.:x", "Path:x", "toString:x", "path:\ud800"])(
    "refuses %j",
    (text) => {
      expect(() => parseFilter(text)).toThrow(expect.objectContaining({ code: "E_USAGE" }));
    },
  );

  test("names the fields there are", () => {
    expect(() => parseFilter("author:x")).toThrow(/"author".*path, title, corpus, document and payload\.<name>/);
  });
});

describe("matchesFilter", () => {
  test("is the same as the pattern as a regular expression", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*", ".", "\n", "é", "\\"), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (text, pattern) => {
        const source = pattern
          .split("*")
          .map((piece) => piece.replaceAll(/[.\\]/g, "\\$&"))
          .join("[^]*");
        expect(isMatch(text, pattern)).toBe(new RegExp(`^${source}$`, "u").test(text));
      }),
      { numRuns: 2000 },
    );
  });

  test("does not overlap the beginning and the end", () => {
    expect(isMatch("aba", "ab*ba")).toBe(false);
    expect(isMatch("abba", "ab*ba")).toBe(true);
    expect(isMatch("A.md", "a*")).toBe(false);
  });

  test.each([
    ["en", "en", true],
    ["en", "e*", true],
    [["de", "en"], "en", true],
    [[["en"]], "en", false],
    [{ en: "en" }, "*", false],
    [12, "12", true],
    [0.5, "0.*", true],
    [false, "false", true],
    [null, "null", true],
    [[], "*", false],
  ])("payload value %j against %s is %s", (lang, pattern, expected) => {
    expect(matchesFilter(recordOf({ id: "1", payload: { lang } }), { field: "payload.lang", pattern })).toBe(expected);
  });

  test("a payload without the field never matches", () => {
    for (const name of ["lang", "toString", "__proto__"]) {
      expect(matchesFilter(recordOf({ id: "1" }), { field: `payload.${name}`, pattern: "*" })).toBe(false);
    }
  });
});
