import type { Block, BlockKind, Document } from "@millrace/core";
import fc from "fast-check";

/** A document without structure. */
export function plain(text: string, key = "text"): Document {
  return { key, text, payload: {}, blocks: [] };
}

export interface PlannedBlock {
  readonly kind: BlockKind;
  readonly text: string;
  readonly level?: number;
}

/** A document of the given blocks, blank lines between them. */
export function structured(blocks: readonly PlannedBlock[], lead = ""): Document {
  let text = lead;
  const placed: Block[] = blocks.map(({ kind, text: words, level }) => {
    const start = text.length;
    text += words;
    const end = text.length;
    text += "\n\n";
    return level === undefined ? { kind, start, end } : { kind, start, end, level, title: words };
  });
  return { key: "document", text, payload: {}, blocks: placed };
}

const word = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom("the", "of", "chunk", "heading", "unbreakable", "x", "中文", "né", "👩‍🚀", "12"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }).map(visible) },
);
const sentence = fc.array(word, { minLength: 1, maxLength: 15 }).map((words) => `${words.join(" ")}.`);
const prose = fc.array(sentence, { minLength: 1, maxLength: 6 }).map((sentences) => sentences.join(" "));
const lines = fc.array(sentence, { minLength: 1, maxLength: 6 }).map((all) => all.join("\n"));
const title = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(" "));

const block: fc.Arbitrary<PlannedBlock> = fc.oneof(
  fc.record({ kind: fc.constant("heading" as const), text: title, level: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant("paragraph" as const), text: prose }),
  fc.record({ kind: fc.constantFrom("code" as const, "list" as const, "table" as const), text: lines }),
);

/** Documents as Markdown gives them: headings, paragraphs, code, lists, tables. */
export const structuredDocuments = fc
  .tuple(fc.array(block, { minLength: 1, maxLength: 14 }), fc.constantFrom("", "\n\n", "  \n"))
  .map(([blocks, lead]) => structured(blocks, lead));

/** Texts without blocks: words, graphemes, any code points, lone surrogates. */
export const plainDocuments = fc
  .oneof(
    fc.array(prose, { maxLength: 5 }).map((paragraphs) => paragraphs.join("\n\n")),
    fc.string({ unit: "grapheme", maxLength: 200 }),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 }).map((units) => String.fromCharCode(...units)),
    fc
      .array(fc.constantFrom("a", " ", "\n", "👨‍👩‍👧", "🇩🇪", "e\u0301", "\u0000", "中"), { maxLength: 300 })
      .map((all) => all.join("")),
  )
  .map((text) => plain(text));

export const anyDocuments = fc.oneof(structuredDocuments, plainDocuments);

/** Control characters and separators would make whitespace of a word. */
function visible(text: string): string {
  return text.replaceAll(/[\s\p{C}\p{Z}]/gu, "") || "y";
}
