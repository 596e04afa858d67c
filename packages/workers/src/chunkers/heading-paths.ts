import type { Document } from "@millrace/core";

/** For each offset, in ascending order, the titles in force there, outermost first; a heading at the offset counts. */
export function headingPaths({ text, blocks }: Document, offsets: readonly number[]): readonly (readonly string[])[] {
  const headings = blocks.filter((block) => block.kind === "heading");
  let path: { readonly level: number; readonly title: string }[] = [];
  let next = 0;
  return offsets.map((offset) => {
    const from = firstContent(text, offset);
    for (let heading = headings[next]; heading !== undefined && heading.start <= from; heading = headings[next]) {
      const { level = 1, title = text.slice(heading.start, heading.end).trim() } = heading;
      path = [...path.filter((outer) => outer.level < level), { level, title }];
      next += 1;
    }
    return path.map(({ title }) => title);
  });
}

/** Whitespace in front of the first block belongs to the first chunk. */
function firstContent(text: string, offset: number): number {
  const content = /\S/g;
  content.lastIndex = offset;
  return content.exec(text)?.index ?? text.length;
}
