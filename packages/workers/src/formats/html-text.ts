import type { Block, BlockKind } from "@millrace/core";

/** Text that is written block by block; blocks are set apart by an empty line, whitespace inside them is collapsed. */
export class HtmlText {
  readonly #texts: string[] = [];
  readonly #blocks: Block[] = [];
  #length = 0;
  #kind: BlockKind = "paragraph";
  #level: number | undefined;
  #open: string[] = [];
  #endsInSpace = true;

  /** Ends the block that is open and begins another; a block without words is none. */
  begin(kind: BlockKind, level?: number): void {
    const text = this.#open
      .join("")
      .trimEnd()
      .replace(/^\s*\n/, "");
    this.#open = [];
    this.#endsInSpace = true;
    if (text.trim() !== "") this.#push(this.#kind === "code" ? text : text.trim());
    this.#kind = kind;
    this.#level = level;
  }

  write(words: string, isPreformatted: boolean): void {
    const text = isPreformatted ? words : words.replaceAll(/\s+/g, " ");
    const piece = !isPreformatted && this.#endsInSpace ? text.trimStart() : text;
    if (piece === "") return;
    this.#open.push(piece);
    this.#endsInSpace = /\s$/.test(piece);
  }

  breakLine(): void {
    if (this.#open.length > 0 && this.#open.at(-1) !== "\n") this.#open.push("\n");
    this.#endsInSpace = true;
  }

  /** Sets the cells of a table's row apart. */
  breakCell(): void {
    if (this.#kind !== "table") this.breakLine();
    else if (this.#open.length > 0 && this.#open.at(-1) !== "\n") this.#open.push(" | ");
    this.#endsInSpace = true;
  }

  finish(): { readonly text: string; readonly blocks: readonly Block[] } {
    this.begin("paragraph");
    return { text: this.#texts.join("\n\n"), blocks: this.#blocks };
  }

  #push(text: string): void {
    const start = this.#length === 0 ? 0 : this.#length + 2;
    const end = start + text.length;
    const heading = this.#kind === "heading" ? { level: this.#level ?? 1, title: text.replaceAll(/\s+/g, " ") } : {};
    this.#blocks.push({ kind: this.#kind, start, end, ...heading });
    this.#texts.push(text);
    this.#length = end;
  }
}
