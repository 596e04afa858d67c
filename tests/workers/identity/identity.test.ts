import { describe, expect, test } from "@jest/globals";
import type { Json } from "@millrace/core";
import { canonicalJson, contentHash, pointId } from "@millrace/workers";
import fc from "fast-check";

describe("canonicalJson", () => {
  test("is JSON of the same value, whatever order the keys came in", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(reversed(value as Json))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("loses no key, not even the odd ones", () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":2,"2":3,"10":4}'))).toContain('"__proto__":2');
  });
});

describe("pointId", () => {
  test("differs wherever the place differs, and stays what it was", () => {
    const text = fc.string({ unit: "binary", maxLength: 3 });
    const place = fc.record({ corpus: text, object: text, document: text, ordinal: fc.nat({ max: 3 }) });
    fc.assert(
      fc.property(place, place, (a, b) => {
        expect(pointId(a) === pointId(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    expect(pointId({ corpus: "c", object: "o", document: "d", ordinal: 0 })).toBe(
      "7a2890e4-c726-5649-97e6-df6958fe7f39",
    );
  });
});

describe("contentHash", () => {
  test("sees text, title and payload, and nothing else", () => {
    const document = { key: "k", text: "t", title: "", payload: { a: 1, b: [2] }, blocks: [] };
    const hash = contentHash(document);
    expect(contentHash({ ...document, key: "other", payload: { b: [2], a: 1 } })).toBe(hash);
    const { title: _, ...untitled } = document;
    for (const other of [{ ...document, text: "u" }, { ...document, payload: { a: 1 } }, untitled]) {
      expect(contentHash(other)).not.toBe(hash);
    }
  });
});

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner as Json)]),
  );
}
