import { JSONParser } from "@streamparser/json";

/** Bytes beyond which a text is not read a second time just to name the place. */
const maxSearched = 2 ** 20;

/**
 * Where a text stops being JSON, as `column 7: unexpected character`. JSON.parse names no position for some errors, and its messages
 * quote text, which belongs in no log; this quotes nothing.
 */
export function jsonProblem(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length > maxSearched) return "it is not valid JSON";
  // Without a path nothing is emitted; `keepStack` saves the parser from looking up the whole stack at each value.
  const parser = new JSONParser({ paths: [], keepStack: true });
  parser.onValue = () => undefined;
  for (let index = 0; index < bytes.length; index += 1) {
    try {
      parser.write(bytes.subarray(index, index + 1));
    } catch {
      const column = bytes.subarray(0, index).toString("utf8").length;
      return `column ${column + 1}: unexpected character`;
    }
  }
  return `column ${text.length + 1}: it ends before the value does`;
}
