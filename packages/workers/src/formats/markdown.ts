import type { Block, BlockKind, Document } from "@millrace/core";
import type { RootContent } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { toString as plainText } from "mdast-util-to-string";
import { gfmTable } from "micromark-extension-gfm-table";
import { assertText, decodeText } from "./decode.js";
import { splitFrontMatter } from "./front-matter.js";
import type { Parser } from "./parser.js";
import { oneDocument } from "./whole-file.js";

/** UTF-16 units beyond which a text's structure is left to the chunker: the parser's tree is a hundred times the text. */
const maxStructured = 8 * 2 ** 20;

/** Markdown with tables and YAML front matter: one document; MDX is read as Markdown. */
export const markdown: Parser = {
  name: "markdown",
  async *parse(content, { limits }) {
    assertText(content.head, content.key, { allowsNul: false });
    yield* oneDocument(content, limits, (bytes) => markdownDocument(decodeText(bytes, content.key)));
  },
};

/** The text is what follows the front matter, which becomes the payload; its title goes before the first heading's. */
function markdownDocument(source: string): Document {
  const { fields, body } = splitFrontMatter(source);
  const blocks = markdownBlocks(body);
  const title =
    typeof fields.title === "string" && fields.title.trim() !== "" ? fields.title.trim() : firstTitle(blocks);
  return { key: "", text: body, ...(title === undefined ? {} : { title }), payload: fields, blocks };
}

/** Title of the first heading that has words. */
export function firstTitle(blocks: readonly Block[]): string | undefined {
  return blocks.find(({ title }) => title !== undefined && title !== "")?.title;
}

/** Top-level nodes as blocks. Everything that is not whitespace lies in one of them. */
function markdownBlocks(text: string): readonly Block[] {
  if (text.length > maxStructured || nestsDeeply.test(text)) return [];
  try {
    return fromMarkdown(text, blockParsing).children.map((node) => blockOf(node, text));
  } catch {
    // What the parser cannot cope with has no structure to keep, and its text is still there.
    return [];
  }
}

/** Containers within containers on one line, or indentation that could hold as many: the parser's time grows as their cube. */
const nestsDeeply = /^(?:(?:[ \t]*(?:>|[-*+][ \t]|\d{1,9}[.)][ \t])){50}|[ \t]{400,}\S)/m;

/** Only blocks are wanted, so what stands inside a paragraph is not parsed: that is most of the work. */
const blockParsing = {
  extensions: [
    gfmTable(),
    {
      disable: {
        null: [
          "attention",
          "autolink",
          "characterEscape",
          "characterReference",
          "codeText",
          "hardBreakEscape",
          "htmlText",
          "labelEnd",
          "labelStartImage",
          "labelStartLink",
        ],
      },
    },
  ],
  mdastExtensions: [gfmTableFromMarkdown()],
};

const kindOfNode: Partial<Record<RootContent["type"], BlockKind>> = {
  heading: "heading",
  code: "code",
  table: "table",
  list: "list",
};

function blockOf(node: RootContent, text: string): Block {
  const start = node.position?.start.offset ?? 0;
  const end = node.position?.end.offset ?? start;
  const kind = kindOfNode[node.type] ?? "paragraph";
  if (node.type !== "heading") return { kind, start, end };
  return { kind, start, end, level: node.depth, title: titleOf(text.slice(start, end)) };
}

/** A heading's words without markup, of its source. */
function titleOf(source: string): string {
  const words = /[\\`*_[\]<>&!~]/.test(source) && source.length < 2000 ? plainText(fromMarkdown(source)) : bare(source);
  return words.replaceAll(/\s+/g, " ").trim();
}

function bare(source: string): string {
  return source.replace(/^#{1,6}(?=\s|$)/, "").replace(/(?:\s#+|\n[ \t]*(?:=+|-+))[ \t]*$/, "");
}
