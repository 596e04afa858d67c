import type { PointBatch, PointRecord, StoredPoint, StoreSchema } from "@millrace/core";

export function schemaOf(changes: Partial<StoreSchema> = {}): StoreSchema {
  const digests = { fingerprint: "f".repeat(64), graph: "a".repeat(64) };
  return { dimensions: 4, distance: "cosine", ...digests, model: "/models/m", ...changes };
}

export function recordOf(changes: Partial<PointRecord> & { readonly id: string }): PointRecord {
  const place = { corpus: "c", path: "a/b.md", document: "", ordinal: 0, start: 0, end: 4 };
  return { ...place, title: "", headings: [], text: "text", payload: {}, ...changes };
}

/** Points with these ids; the vectors are made of the ids. */
export function batchOf(ids: readonly string[], text = "text", dimensions = 4): PointBatch {
  const vectors = new Float32Array(ids.length * dimensions);
  ids.forEach((id, row) => {
    for (let column = 0; column < dimensions; column += 1) {
      vectors[row * dimensions + column] = ((id.charCodeAt(id.length - 1) + column) % 7) - 2.9;
    }
  });
  return { records: ids.map((id, ordinal) => recordOf({ id, text, title: id, end: ordinal })), vectors };
}

export function toBatch(points: readonly StoredPoint[]): PointBatch {
  const vectors = Float32Array.from(points.flatMap(({ vector }) => [...vector]));
  return { records: points.map(({ record }) => record), vectors };
}

const oddTexts = [
  "",
  " ",
  'it\'s "quoted" and `ticked`',
  "a\nb\r\nc\u2028d\u2029e\tf\0g",
  "%_\\*?';--",
  "日本語 العربية e\u0301 \u{1f468}\u200d\u{1f469}\u200d\u{1f467} \uffff \u{10ffff}",
  "null",
  "long ".repeat(40_000),
];

const oddFloats = [
  0,
  -0,
  1,
  -1,
  0.1,
  1 / 3,
  1e-45,
  1.17549435e-38,
  3.4028234663852886e38,
  -2.5e-7,
  16777216,
  0.99999994,
];

/** Points whose every field is a trial to somebody. */
export function oddPoints(): readonly StoredPoint[] {
  return oddTexts.map((text, index) => {
    const payload = {
      text,
      [text.slice(0, 50)]: index,
      nested: { list: [1, [text.slice(0, 20), null], { deep: true }], empty: {}, none: [] },
      number: -1.5e-300,
      large: 9007199254740991,
      no: null,
    };
    const record = recordOf({
      id: `${index} ${text.slice(0, 100)}`,
      corpus: text,
      path: text,
      document: text,
      ordinal: 2 ** 31 - 1 - index,
      start: index,
      end: 2 ** 31 - 1,
      title: text,
      headings: index % 3 === 0 ? [] : [text, "", text],
      text,
      payload,
    });
    const vector = Float32Array.from(
      { length: 4 },
      (_, at) => oddFloats[(index * 4 + at) % oddFloats.length] as number,
    );
    return { record, vector };
  });
}

/** Points with vectors of unit length, as encoders give them; two are the same. */
export function formPoints(dimensions: number): readonly StoredPoint[] {
  return Array.from({ length: 120 }, (_, index) => {
    const seed = index === 60 ? 59 : index;
    const values = Array.from({ length: dimensions }, (_, at) => Math.sin(1 + seed * 12.9898 + at * at * 7.233));
    const length = Math.hypot(...values);
    const record = recordOf({ id: `${(index * 7919) % 1000}`, title: String(index) });
    return { record, vector: Float32Array.from(values, (value) => value / length) };
  });
}

/** Texts that patterns could go wrong on. */
export const words = [
  "",
  "a",
  "A",
  "b.md",
  "a/b.md",
  "a%b",
  "a_b",
  "axb",
  "a\\b",
  "it's",
  "é",
  "😀",
  "a*b",
  "\n",
  '"',
  "1",
  "null",
  "[a]",
];

/** Few distinct vectors, so that there are many ties; some of zeros, which are never found. */
export function searchPoints(): readonly StoredPoint[] {
  const pick = (index: number) => words[index % words.length] as string;
  return Array.from({ length: 400 }, (_, index) => {
    const values = [
      pick(index * 7),
      index % 5,
      index % 2 === 0,
      null,
      [pick(index), "x", index % 3],
      { lang: pick(index) },
    ];
    const [lang, other] = [values[index % values.length] ?? null, pick(index * 3)];
    const payload =
      [{}, { lang, "o'd\"d": other }, { "o'd\"d": other, lang }, { nested: { lang }, lang }][index % 4] ?? {};
    const record = recordOf({
      id: `${(index * 7919) % 1000}-${index}`,
      corpus: pick(index),
      path: pick(index * 5) + pick(index * 11),
      document: pick(index * 13),
      title: `${pick(index * 17)}-${pick(index)}`,
      payload,
    });
    const vector = Float32Array.of((index % 5) - 2, index % 3, (index % 7) / 3, index % 60 === 0 ? 0.1 : 0);
    return { record, vector: index % 50 === 0 ? new Float32Array(4) : vector };
  });
}
