import { createReadStream } from "node:fs";
import {
  formOf,
  fromHalves,
  heldVector,
  MillraceError,
  type PointBatch,
  type PointRecord,
  type StoredPoint,
  type StoreSchema,
  unpackVector,
} from "@millrace/core";
import { type HeldPoint, heldPoints, type PartFormat } from "./part-format.js";

/** Characters written at once. */
const blockLength = 262_144;

/**
 * One JSON object a line: the record's fields, `id` first, and `vector` last: floats, whole numbers of int8, or bytes of
 * signs. A row's content is its line.
 */
export const jsonlFormat: PartFormat<string> = {
  name: "jsonl",
  *encode(batch: PointBatch, schema: StoreSchema) {
    for (const point of heldPoints(batch, schema)) yield { id: point.record.id, content: pointToLine(point) };
  },
  decode: ({ content }, schema) => lineToPoint(content, schema),
  async write(file, rows) {
    let block = "";
    for await (const { content } of rows) {
      block += `${content}\n`;
      if (block.length < blockLength) continue;
      await file.writeFile(block);
      block = "";
    }
    await file.writeFile(block);
  },
  async *read(path) {
    for await (const content of linesOf(path)) yield { id: idOf(content), content };
  },
  async *readIds(path) {
    for await (const line of linesOf(path)) yield idOf(line);
  },
};

function pointToLine({ record, held }: HeldPoint): string {
  const { id, corpus, path, document, ordinal, start, end, title, headings, text, payload } = record;
  const fields = { id, corpus, path, document, ordinal, start, end, title, headings, text, payload };
  return `${JSON.stringify(fields).slice(0, -1)},"vector":[${numbersText(held, id)}]}`;
}

/** Nine digits tell every float of single precision from its neighbours, five every half. */
function numbersText(held: HeldPoint["held"], id: string): string {
  if (held instanceof Float32Array) return Array.from(held, (value) => floatText(value, 9, id)).join(",");
  if (held instanceof Uint16Array) return Array.from(fromHalves(held), (value) => floatText(value, 5, id)).join(",");
  return held.join(",");
}

/** JSON knows no NaN and no infinity. */
function floatText(value: number, digits: number, id: string): string {
  if (!Number.isFinite(value)) {
    throw new MillraceError("E_INTERNAL", "a vector holds a number that is not finite", { why: `point ${id}` });
  }
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  return value.toPrecision(digits);
}

function lineToPoint(line: string, schema: StoreSchema): StoredPoint {
  const { vector, ...record } = JSON.parse(line) as PointRecord & { readonly vector: readonly number[] };
  return { record, vector: vectorOf(vector, schema) };
}

function vectorOf(numbers: readonly number[], schema: StoreSchema): Float32Array {
  const form = formOf(schema);
  const held = Float32Array.from(numbers);
  return form.precision === "float16" ? heldVector(form, held) : unpackVector(form, held, schema.dimensions);
}

/** The id without parsing the line: it is the first field, as these lines are written here. */
function idOf(line: string): string {
  const [, text] = /^\{"id":("(?:[^"\\]|\\.)*")/.exec(line) ?? [];
  return text === undefined ? (JSON.parse(line) as PointRecord).id : (JSON.parse(text) as string);
}

/** Splits at "\n" only: Node's readline would also split at U+2028, which JSON may hold. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(path, { encoding: "utf8", highWaterMark: blockLength })) {
    const lines = (rest + (chunk as string)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
