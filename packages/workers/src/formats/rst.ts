import type { Block, Document } from "@millrace/core";
import { assertText, decodeText } from "./decode.js";
import { firstTitle } from "./markdown.js";
import type { Parser } from "./parser.js";
import { oneDocument } from "./whole-file.js";

/** reStructuredText: section titles, paragraphs, literal blocks and tables, as docutils tells them apart at the top level. */
export const rst: Parser = {
  name: "rst",
  async *parse(content, { limits }) {
    assertText(content.head, content.key, { allowsNul: false });
    yield* oneDocument(content, limits, (bytes) => rstDocument(decodeText(bytes, content.key)));
  },
};

function rstDocument(text: string): Document {
  const blocks = rstBlocks(text);
  const title = firstTitle(blocks);
  return { key: "", text, ...(title === undefined ? {} : { title }), payload: {}, blocks };
}

interface Line {
  readonly start: number;
  /** Offset behind the last character that is not whitespace. */
  readonly end: number;
  readonly words: string;
  readonly isIndented: boolean;
}

function rstBlocks(text: string): readonly Block[] {
  const lines = linesOf(text);
  const styles: string[] = [];
  const blocks: Block[] = [];
  for (let index = 0; index < lines.length; ) {
    const heading = headingAt(lines, index);
    if (lines[index]?.words === "") index += 1;
    else if (heading !== undefined) {
      blocks.push(headingBlock(lines, index, heading, styles));
      index += heading.lines;
    } else {
      const count = countBlockLines(lines, index, blocks.at(-1), text);
      blocks.push(bodyBlock(lines.slice(index, index + count), blocks.at(-1), text));
      index += count;
    }
  }
  return blocks;
}

function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < text.length; ) {
    const feed = text.indexOf("\n", start);
    const next = feed < 0 ? text.length : feed + 1;
    const line = text.slice(start, next).trimEnd();
    lines.push({ start, end: start + line.length, words: line.trim(), isIndented: /^[ \t]/.test(line) });
    start = next;
  }
  return lines;
}

interface Heading {
  readonly title: string;
  /** Adornment character, doubled where there is an overline: sections of one style are of one level. */
  readonly style: string;
  readonly lines: 2 | 3;
}

/** A title is underlined, or over- and underlined, by a run of one punctuation character about as long as itself. */
function headingAt(lines: readonly Line[], index: number): Heading | undefined {
  const [first, second, third] = [lines[index], lines[index + 1], lines[index + 2]];
  if (first === undefined || second === undefined || first.isIndented) return undefined;
  const over = adornmentOf(first);
  if (over !== undefined) {
    const isFramed = third !== undefined && adornmentOf(third) === over && second.words !== "" && !adornmentOf(second);
    return isFramed && isLongEnough(third, second) ? { title: second.words, style: over + over, lines: 3 } : undefined;
  }
  const under = adornmentOf(second);
  if (first.words === "" || under === undefined || !isLongEnough(second, first)) return undefined;
  return { title: first.words, style: under, lines: 2 };
}

function adornmentOf({ words, isIndented }: Line): string | undefined {
  return !isIndented && /^([!-/:-@[-`{-~])\1{2,}$/.test(words) ? words.slice(0, 1) : undefined;
}

/** docutils takes an underline of four characters for a longer title too, with a warning. */
function isLongEnough(adornment: Line, title: Line): boolean {
  return adornment.words.length >= Math.min(4, title.words.length);
}

function headingBlock(lines: readonly Line[], index: number, heading: Heading, styles: string[]): Block {
  if (!styles.includes(heading.style)) styles.push(heading.style);
  const { start } = lines[index] as Line;
  const { end } = lines[index + heading.lines - 1] as Line;
  const level = Math.min(6, styles.indexOf(heading.style) + 1);
  return { kind: "heading", start, end, level, title: heading.title };
}

/** Lines up to the next blank one; an indented block goes on over blank lines as long as it is indented. */
function countBlockLines(lines: readonly Line[], index: number, before: Block | undefined, text: string): number {
  const isLiteral = lines[index]?.isIndented === true && endsInColons(before, text);
  let count = 1;
  for (let next = index + 1; next < lines.length; next += 1) {
    const line = lines[next] as Line;
    if (line.words === "" && !isLiteral) break;
    if (line.words !== "" && isLiteral !== line.isIndented && isLiteral) break;
    if (!isLiteral && headingAt(lines, next) !== undefined) break;
    if (line.words !== "") count = next - index + 1;
  }
  return count;
}

function bodyBlock(lines: readonly Line[], before: Block | undefined, text: string): Block {
  const [first, last] = [lines[0] as Line, lines.at(-1) as Line];
  const start = first.start + text.slice(first.start, first.end).search(/\S/);
  const place = { start, end: last.end };
  if (first.isIndented && endsInColons(before, text)) return { kind: "code", ...place };
  if (/^(?:\+[-=+]{3,}\+|={2,}(?: +={2,})+)$/.test(first.words)) return { kind: "table", ...place };
  if (/^(?:[-*+•]|\(?(?:\d+|#|[a-zA-Z])[.)])\s/.test(first.words)) return { kind: "list", ...place };
  return { kind: "paragraph", ...place };
}

function endsInColons(block: Block | undefined, text: string): boolean {
  if (block === undefined || block.kind === "heading") return false;
  const words = text.slice(block.start, block.end);
  return words.endsWith("::") || /^\.\. (?:code|code-block|sourcecode|parsed-literal)::/.test(words);
}
