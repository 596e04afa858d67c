import { expect } from "@jest/globals";
import type { Document } from "@millrace/core";

/** Blocks lie in the text, in order, apart from each other, and leave out nothing but whitespace. */
export function expectSoundBlocks({ text, blocks }: Document): void {
  let end = 0;
  for (const block of blocks) {
    expect(block.start).toBeGreaterThanOrEqual(end);
    expect(block.end).toBeGreaterThan(block.start);
    expect(text.slice(end, block.start).trim()).toBe("");
    expect(block.kind === "heading").toBe(block.level !== undefined && block.title !== undefined);
    end = block.end;
  }
  if (blocks.length > 0) expect(text.slice(end).trim()).toBe("");
}

/** Headings as level and title, other blocks as kind and text. */
export const outline = ({ text, blocks }: Document) =>
  blocks.map(({ kind, start, end, level, title }) =>
    kind === "heading" ? `${level} ${title}` : `${kind}: ${text.slice(start, end)}`,
  );
