import { assertText, decodeText } from "./decode.js";
import type { Parser } from "./parser.js";
import { oneDocument } from "./whole-file.js";

/** Plain text: one document, whose paragraphs the chunker finds. */
export const text: Parser = {
  name: "text",
  async *parse(content, { limits }) {
    assertText(content.head, content.key, { allowsNul: false });
    yield* oneDocument(content, limits, (bytes) => ({
      key: "",
      text: decodeText(bytes, content.key),
      payload: {},
      blocks: [],
    }));
  },
};
