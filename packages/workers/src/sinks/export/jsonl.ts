import { createReadStream } from "node:fs";
import { MillraceError, type PointBatch, type PointRecord, type StoredPoint } from "@millrace/core";
import { type PartFormat, pointsOf } from "./part-format.js";

/** Characters written at once. */
const blockLength = 262_144;

/** One JSON object a line: the record's fields, `id` first, and `vector` last. A row's content is its line. */
export const jsonlFormat: PartFormat<string> = {
  name: "jsonl",
  *encode(batch: PointBatch, dimensions: number) {
    for (const point of pointsOf(batch, dimensions)) yield { id: point.record.id, content: pointToLine(point) };
  },
  decode: ({ content }) => lineToPoint(content),
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

function pointToLine({ record, vector }: StoredPoint): string {
  const { id, corpus, path, document, ordinal, start, end, title, headings, text, payload } = record;
  const fields = { id, corpus, path, document, ordinal, start, end, title, headings, text, payload };
  const numbers = Array.from(vector, (value) => floatText(value, id)).join(",");
  return `${JSON.stringify(fields).slice(0, -1)},"vector":[${numbers}]}`;
}

/** Nine digits tell every float of single precision from its neighbours. JSON knows no NaN and no infinity. */
function floatText(value: number, id: string): string {
  if (!Number.isFinite(value)) {
    throw new MillraceError("E_INTERNAL", "a vector holds a number that is not finite", { why: `point ${id}` });
  }
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  return value.toPrecision(9);
}

function lineToPoint(line: string): StoredPoint {
  const { vector, ...record } = JSON.parse(line) as PointRecord & { readonly vector: readonly number[] };
  return { record, vector: Float32Array.from(vector) };
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
