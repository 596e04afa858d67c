import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Document } from "@millrace/core";
import fc from "fast-check";
import { documentOf, memoryObject, parsed } from "./objects.ts";

/** Blocks lie in the text, in order, apart from each other, and leave out nothing but whitespace. */
function expectSoundBlocks({ text, blocks }: Document): void {
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

const outline = ({ text, blocks }: Document) =>
  blocks.map(({ kind, start, end, level, title }) =>
    kind === "heading" ? `${level} ${title}` : `${kind}: ${text.slice(start, end)}`,
  );

describe("Markdown", () => {
  test("blocks are sound for any text", async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "# ",
        "## a *b*",
        "```",
        "~~~js",
        "- ",
        "1. ",
        "> ",
        "|a|b|\n|-|-|\n|1|2|",
        "===",
        "---",
        "\t",
        "    ",
      ),
      fc.constantFrom(
        "[a]: /b 'c'",
        "<div>",
        "</div>",
        "<!-- ",
        " -->",
        "\\",
        "\0x",
        "&amp;",
        "***",
        "\r\n",
        "\n\n",
        "\n",
        "\r",
      ),
      fc.string({ unit: "binary", maxLength: 8 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        // Control characters would make it a binary file.
        const source = pieces.join("").replaceAll(/[^\P{Cc}\s]/gu, "");
        expectSoundBlocks(await documentOf("a.md", source));
      }),
      { numRuns: 1500 },
    );
  });

  test("blocks are sound for the README files of our dependencies", async () => {
    const modules = new URL("../../../node_modules", import.meta.url).pathname;
    const files = readdirSync(modules).map((name) => join(modules, name, "README.md"));
    let count = 0;
    for (const file of files) {
      const bytes = tryRead(file);
      if (bytes === undefined || bytes.length === 0) continue;
      const document = await documentOf("README.md", bytes);
      expectSoundBlocks(document);
      expect(document.blocks.length).toBeGreaterThan(0);
      count += 1;
    }
    expect(count).toBeGreaterThan(100);
  });

  test("headings, code, tables, lists and the rest", async () => {
    const source =
      '# The `code` & **bold** [link](x) #\n\nWords\nmore.\n\nSet *ext*\n---\n\n```js\n# no heading\n```\n\n|a|b|\n|-|-|\n|1|2|\n\n- x\n\n  y\n- z\n\n> quote\n\n[ref]: http://a "t"\n\n***\n';
    const document = await documentOf("a.md", source);
    expect(outline(document)).toEqual([
      "1 The code & bold link",
      "paragraph: Words\nmore.",
      "2 Set ext",
      "code: ```js\n# no heading\n```",
      "table: |a|b|\n|-|-|\n|1|2|",
      "list: - x\n\n  y\n- z",
      "paragraph: > quote",
      'paragraph: [ref]: http://a "t"',
      "paragraph: ***",
    ]);
    expect(document.title).toBe("The code & bold link");
    expect(document.text).toBe(source);
  });

  test("front matter becomes payload and title and leaves the text", async () => {
    const source =
      "\ufeff---\r\ntitle: A title\r\ntags: [a, b]\r\nbig: 12345678901234567890\r\nday: 2024-01-02\r\n---\r\n# Heading\r\n";
    expect(await documentOf("a.md", source)).toMatchObject({
      text: "# Heading\r\n",
      title: "A title",
      payload: { title: "A title", tags: ["a", "b"], big: "12345678901234567890", day: "2024-01-02" },
    });
    expect((await documentOf("a.md", "---\n---\nx")).text).toBe("x");
  });

  test.each([
    ["broken YAML", "---\na: [1\n---\nx"],
    ["a scalar", "---\nwords\n---\nx"],
    ["never closed", "---\na: 1\nx"],
    ["not at the start", "\n---\na: 1\n---\n"],
    [
      "an alias bomb",
      `---\na: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefgh"
        .split("")
        .map((k, i) => `${k}: &${k} [${Array(9).fill(`*${"abcdefg"[i]}`)}]`)
        .join("\n")}\n---\nx`,
    ],
  ])("front matter that is none stays text: %s", async (_, source) => {
    const { text, payload } = await documentOf("a.md", source);
    expect(text).toBe(source);
    expect(payload).toEqual({});
  });

  test("front matter keys reach no prototype", async () => {
    const { payload } = await documentOf("a.md", "---\n__proto__: {polluted: 1}\nconstructor: {prototype: 1}\n---\nx");
    expect(Object.hasOwn(payload, "__proto__")).toBe(false);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test.each([
    ["quotes", "> ".repeat(20_000)],
    ["brackets", "[".repeat(100_000)],
    ["stars", "*a ".repeat(50_000)],
    ["lists", `${"- ".repeat(5_000)}x`],
    ["lines of lists", `${"- ".repeat(49)}x\n`.repeat(100)],
    ["indented lists", Array.from({ length: 400 }, (_, depth) => `${"  ".repeat(depth)}- x\n`).join("")],
    ["backticks", Array.from({ length: 1000 }, (_, count) => "`".repeat(count)).join(" ")],
  ])("deep or long-winded markup ends: %s", async (_, source) => {
    const { documents } = await parsed(memoryObject("a.md", source));
    expect(documents).toHaveLength(1);
  });
});

function tryRead(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

describe("reStructuredText", () => {
  test("sections by adornment, literal blocks, tables, lists", async () => {
    const source =
      "=====\nTitle\n=====\n\nIntro::\n\n    code\n\n    more\n\nSection\n=======\n\n- a\n- b\n\n=== ===\nx   y\n=== ===\n\nSub\n---\nText.\n\n----\n\nLast\n====\n";
    const document = await documentOf("a.rst", source);
    expectSoundBlocks(document);
    expect(outline(document)).toEqual([
      "1 Title",
      "paragraph: Intro::",
      "code: code\n\n    more",
      "2 Section",
      "list: - a\n- b",
      "table: === ===\nx   y\n=== ===",
      "3 Sub",
      "paragraph: Text.",
      "paragraph: ----",
      "2 Last",
    ]);
    expect(document.title).toBe("Title");
  });

  test("blocks are sound for any text", async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "===\n",
        "---\n",
        "Title\n",
        "\n",
        "::\n",
        "    code\n",
        ".. note::\n",
        "- a\n",
        "\r\n",
        "  ",
        "x",
      ),
      fc.string({ unit: "grapheme", maxLength: 6 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        expectSoundBlocks(await documentOf("a.rst", pieces.join("")));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("HTML", () => {
  test("what a reader sees, in blocks", async () => {
    const document = await documentOf(
      "a.html",
      `<!doctype html><html><head><title> A &amp;\n B </title><style>x{}</style></head><body><nav><a>Home</a></nav>
      <h1>Head <em>ing</em></h1><p>One &lt;two&gt;<br>three  &eacute;</p>loose<script>var a = "<p>no</p>";</script>
      <pre>  keep
    this</pre><ul><li>x</li><li><p>y</p></li></ul><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
      <div>in <b>div</b><div>nested</div>after</div></body></html>`,
    );
    expectSoundBlocks(document);
    expect(outline(document)).toEqual([
      "1 Head ing",
      "paragraph: One <two>\nthree é",
      "paragraph: loose",
      "code:   keep\n    this",
      "list: x\ny",
      "table: a | b\n1 | 2",
      "paragraph: in div",
      "paragraph: nested",
      "paragraph: after",
    ]);
    expect(document.title).toBe("A & B");
  });

  test("a declared charset is used where the bytes are not UTF-8", async () => {
    const page = '<meta charset="iso-8859-1"><p>Gr\u00fc\u00dfe';
    expect((await documentOf("a.html", Buffer.from(page, "latin1"))).text).toBe("Grüße");
    expect((await documentOf("a.html", page)).text).toBe("Grüße");
    expect((await parsed(memoryObject("a.html", Buffer.from("<p>Gr\u00fc", "latin1")))).errors).toEqual({
      0: "E_ROW_ENCODING",
    });
  });

  test("blocks are sound for any tag soup, and deep nesting ends", async () => {
    const tags = "p div h1 h2 pre ul li table tr td br script style nav title a b svg head body option".split(" ");
    const piece = fc.oneof(
      fc.constantFrom(...tags).map((tag) => `<${tag}>`),
      fc.constantFrom(...tags).map((tag) => `</${tag}>`),
      fc.string({ unit: "grapheme", maxLength: 6 }),
      fc.constantFrom(" ", "\n", "&amp;", "&#0;", "<!--", "-->", "<![CDATA["),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        expectSoundBlocks(await documentOf("a.html", pieces.join("")));
      }),
      { numRuns: 1000 },
    );
    expect((await documentOf("a.html", `${"<div>".repeat(50_000)}x`)).text).toBe("x");
  });
});
