import type { Block, BlockKind, Document } from "@millrace/core";
import { cutAtTokens } from "./cut-at-tokens.js";
import type { Piece } from "./plan-chunks.js";
import { lineStarts, paragraphStarts, sentenceStarts } from "./text.js";
import type { TokenIndex } from "./token-index.js";

/**
 * The document as a tree of sections, blocks, sentences or lines, and runs of tokens, each with its token count. Blocks
 * are opened only where they may have to be: when they exceed `budget`, alone or with the headings before them. Code
 * and tables that fit stay whole. The pieces cover the text: what lies between blocks belongs to the one before.
 */
export function documentTree(document: Document, tokens: TokenIndex, budget: number): Piece {
  const source: Source = { text: document.text, tokens, budget };
  const root: Section = { level: 0, parts: [] };
  const path = [root];
  let headingTokens = 0;
  for (const { kind, level, start, end } of tileBlocks(document)) {
    const count = tokens.count(start, end);
    if (kind === "heading" && count <= budget) {
      while ((path.at(-1) as Section).level >= level) path.pop();
      const section: Section = { level, parts: [{ role: "heading", start, end, tokens: count, parts: [] }] };
      (path.at(-1) as Section).parts.push(section);
      path.push(section);
      headingTokens += count;
    } else {
      (path.at(-1) as Section).parts.push(openBlock(source, { kind, start, end }, headingTokens));
      headingTokens = 0;
    }
  }
  return toPiece(root, tokens);
}

interface Section {
  readonly level: number;
  readonly parts: (Section | Piece)[];
}

interface Source {
  readonly text: string;
  readonly tokens: TokenIndex;
  readonly budget: number;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

interface Tile extends Range {
  readonly kind: BlockKind;
  readonly level: number;
}

/** Stretches the blocks until they touch and cover the text. */
function tileBlocks({ text, blocks }: Document): readonly Tile[] {
  const known: readonly Block[] =
    blocks.length > 0 ? blocks : paragraphStarts(text).map((start) => ({ kind: "paragraph", start, end: start }));
  const inOrder = known.filter((block, row) => row === 0 || block.start > (known[row - 1] as Block).start);
  return inOrder.map(({ kind, level }, row) => ({
    kind,
    level: level ?? 1,
    start: row === 0 ? 0 : (inOrder[row] as Block).start,
    end: inOrder[row + 1]?.start ?? text.length,
  }));
}

/** Opens a block into lines or sentences where it needs to be, and those into runs of tokens. */
function openBlock(source: Source, { kind, start, end }: Range & { kind: BlockKind }, before: number): Piece {
  const { text } = source;
  const isCode = kind === "code" || kind === "table";
  const lead = isCode && source.tokens.count(start, end) <= source.budget ? 0 : before;
  const intoTokens: Opening = (range) =>
    cutAtTokens(source, range).map((cut, row, cuts) => leaf(source, { start: cut, end: cuts[row + 1] ?? range.end }));
  const intoSentences: Opening = (range, first) =>
    openAt(source, range, { starts: sentenceStarts(text, range.start, range.end), before: first, next: intoTokens });
  const intoLines: Opening = (range, first) => {
    const next = kind === "list" ? intoSentences : intoTokens;
    return openAt(source, range, { starts: lineStarts(text, range.start, range.end), before: first, next });
  };
  const opening = isCode || kind === "list" ? intoLines : intoSentences;
  return openAt(source, { start, end }, { starts: [start], before: lead, next: opening })[0] as Piece;
}

/** Makes the parts of a range; `before` is the number of heading tokens that should fit in front of the first part. */
type Opening = (range: Range, before: number) => readonly Piece[];

interface OpeningPlan {
  readonly starts: readonly number[];
  readonly before: number;
  /** How a part is opened that does not fit. */
  readonly next: Opening;
}

function openAt(source: Source, range: Range, { starts, before, next }: OpeningPlan): readonly Piece[] {
  return starts.map((start, row) => {
    const piece = leaf(source, { start, end: starts[row + 1] ?? range.end });
    const lead = row === 0 ? before : 0;
    return piece.tokens + lead > source.budget ? { ...piece, parts: next(piece, lead) } : piece;
  });
}

function leaf({ tokens }: Source, { start, end }: Range): Piece {
  return { role: "body", start, end, tokens: tokens.count(start, end), parts: [] };
}

function toPiece(part: Section | Piece, tokens: TokenIndex): Piece {
  if (!("level" in part)) return part;
  const parts = part.parts.map((inner) => toPiece(inner, tokens));
  const start = parts[0]?.start ?? 0;
  const end = parts.at(-1)?.end ?? start;
  return { role: "section", start, end, tokens: tokens.count(start, end), parts };
}
