import { MillraceError, type Row } from "@millrace/core";
import { JSONParser } from "@streamparser/json";
import type { Content } from "./content.js";
import { assertText, decodeText, utf8Stream } from "./decode.js";
import { documentOf, type Fields, hasDefaultTextField, rowOf } from "./fields.js";
import { jsonProblem } from "./json-problem.js";
import type { ParseOptions, Parser } from "./parser.js";
import { oneDocument } from "./whole-file.js";

/**
 * An array of objects is a row each, streamed. One object is one document under the key "", or its id; where no text
 * field is named and it has none of the usual ones, its text is the file as it lies.
 */
export const json: Parser = { name: "json", parse };

async function* parse(content: Content, options: ParseOptions): AsyncGenerator<Row> {
  assertText(content.head, content.key, { allowsNul: true });
  const first = await firstCharacter(content);
  if (first === "[") yield* parseArray(content, options);
  else if (first !== undefined) yield* parseWhole(content, options);
}

async function firstCharacter(content: Content): Promise<string | undefined> {
  for await (const chunk of utf8Stream(content.stream())) {
    const index = chunk.findIndex((byte) => byte > 32);
    if (index >= 0) return String.fromCharCode(chunk[index] as number);
  }
  return undefined;
}

async function* parseArray(content: Content, { fields, limits }: ParseOptions): AsyncGenerator<Row> {
  const elements = new ArrayElements();
  let row = 0;
  let heldBytes = 0;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for await (const chunk of utf8Stream(content.stream())) {
    elements.write(() => decoder.decode(chunk, { stream: true }));
    const values = elements.take();
    for (const value of values) yield rowOfElement(value, row++, fields);
    elements.assertSound(content.key, row);
    heldBytes = values.length > 0 ? 0 : heldBytes + chunk.length;
    if (heldBytes > limits.maxRowBytes) throw brokenArray(content.key, `element ${row} is larger than the limit`);
  }
  elements.end();
  elements.assertSound(content.key, row);
}

/** Gathers the elements of the outermost array while the text is written; keeps the first error for later. */
class ArrayElements {
  readonly #parser = new JSONParser({ paths: ["$.*"], keepStack: true });
  #values: unknown[] = [];
  #error: unknown;

  constructor() {
    this.#parser.onValue = ({ value, parent }) => {
      this.#values.push(value);
      // The parser would keep every element in the array, or else search its whole stack at each closing bracket.
      if (Array.isArray(parent)) parent.length = 0;
    };
  }

  write(decode: () => string): void {
    this.#attempt(() => this.#parser.write(decode()));
  }

  end(): void {
    this.#attempt(() => {
      if (!this.#parser.isEnded) this.#parser.end();
    });
  }

  take(): readonly unknown[] {
    const values = this.#values;
    this.#values = [];
    return values;
  }

  assertSound(key: string, row: number): void {
    if (this.#error !== undefined) throw brokenArray(key, `it is broken after element ${row - 1}`, this.#error);
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#error = error;
    }
  }
}

function rowOfElement(value: unknown, row: number, mapping: ParseOptions["fields"]): Row {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return rowOf(value as Fields, row, mapping);
  return { row, error: new MillraceError("E_ROW_PARSE", `Element ${row} of the array is not an object`) };
}

function parseWhole(content: Content, { fields, limits }: ParseOptions): AsyncIterable<Row> {
  return oneDocument(content, limits, (bytes) => {
    const text = decodeText(bytes, content.key);
    const value = parseObjectText(text, content.key);
    const isTextItself = fields.text.length === 0 && !hasDefaultTextField(value);
    return documentOf(isTextItself ? { ...value, text } : value, "", fields);
  });
}

function parseObjectText(text: string, key: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MillraceError("E_OBJECT_FORMAT", `"${key}" is not JSON`, {
      why: jsonProblem(text),
      fix: "Correct it; a file of one object a line should be named .jsonl.",
    });
  }
  if (typeof value === "object" && value !== null) return value as Fields;
  throw new MillraceError("E_OBJECT_FORMAT", `"${key}" is neither a JSON object nor an array`);
}

function brokenArray(key: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError("E_OBJECT_FORMAT", `"${key}" is not a JSON array to its end`, {
    why,
    fix: "Correct it, or write one object a line as .jsonl.",
    cause,
  });
}
