import type { BlockKind, Document } from "@millrace/core";
import { Parser as HtmlParser } from "htmlparser2";
import { assertText } from "./decode.js";
import { decodeHtml } from "./html-charset.js";
import { HtmlText } from "./html-text.js";
import { firstTitle } from "./markdown.js";
import type { Parser } from "./parser.js";
import { oneDocument } from "./whole-file.js";

/** What a reader sees of a page: text by blocks, without scripts, styles, navigation and form controls. */
export const html: Parser = {
  name: "html",
  async *parse(content, { limits }) {
    assertText(content.head, content.key, { allowsNul: false });
    yield* oneDocument(content, limits, (bytes) => htmlDocument(decodeHtml(bytes, content.key)));
  },
};

const leftOut = new Set(
  "script style nav noscript template svg math iframe object canvas audio video select button datalist dialog".split(
    " ",
  ),
);
const blockElements = new Set(
  "address article aside blockquote body caption center dd details div dt fieldset figcaption figure footer form header hgroup hr html legend li main p section summary tbody td tfoot th thead tr".split(
    " ",
  ),
);
const containerKinds: ReadonlyMap<string, BlockKind> = new Map([
  ["table", "table"],
  ["ul", "list"],
  ["ol", "list"],
  ["dl", "list"],
  ["pre", "code"],
]);

function htmlDocument(source: string): Document {
  const page = new PageReader();
  const parser = new HtmlParser(
    {
      onopentag: (name) => page.open(name),
      onclosetag: (name) => page.close(name),
      ontext: (words) => page.text(words),
    },
    { decodeEntities: true, lowerCaseTags: true },
  );
  parser.write(source);
  parser.end();
  const { text, blocks } = page.body.finish();
  const title = page.title.replaceAll(/\s+/g, " ").trim() || firstTitle(blocks);
  return { key: "", text, ...(title === undefined ? {} : { title }), payload: {}, blocks };
}

/** Follows the elements of a page and writes their text into blocks. */
class PageReader {
  readonly body = new HtmlText();
  title = "";
  #leftOutDepth = 0;
  #isInTitle = false;
  readonly #containers: BlockKind[] = [];

  open(name: string): void {
    if (name === "title" && this.title === "") this.#isInTitle = true;
    if (leftOut.has(name)) this.#leftOutDepth += 1;
    if (this.#leftOutDepth > 0) return;
    const container = containerKinds.get(name);
    if (container !== undefined) {
      if (this.#containers.length === 0) this.body.begin(container);
      else this.body.breakLine();
      this.#containers.push(container);
    } else if (headingLevel(name) > 0) this.body.begin("heading", headingLevel(name));
    else if (name === "br") this.body.breakLine();
    else if (name === "td" || name === "th") this.body.breakCell();
    else if (blockElements.has(name)) this.#breakBlock();
  }

  close(name: string): void {
    if (name === "title") this.#isInTitle = false;
    if (leftOut.has(name)) {
      this.#leftOutDepth = Math.max(0, this.#leftOutDepth - 1);
      return;
    }
    if (this.#leftOutDepth > 0 || name === "td" || name === "th" || name === "br") return;
    if (containerKinds.has(name)) {
      this.#containers.pop();
      this.#breakBlock();
    } else if (headingLevel(name) > 0) this.body.begin(this.#containers[0] ?? "paragraph");
    else if (blockElements.has(name)) this.#breakBlock();
  }

  text(words: string): void {
    if (this.#isInTitle) this.title += words;
    if (this.#leftOutDepth === 0 && !this.#isInTitle) this.body.write(words, this.#containers.includes("code"));
  }

  /** Inside a list, a table or preformatted text a new element is a new line of the same block. */
  #breakBlock(): void {
    if (this.#containers.length > 0) this.body.breakLine();
    else this.body.begin("paragraph");
  }
}

function headingLevel(name: string): number {
  return /^h[1-6]$/.test(name) ? Number(name[1]) : 0;
}
