import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { expectSoundBlocks, outline } from "./blocks.ts";
import { documentOf, memoryObject, parsed } from "./objects.ts";

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

  test("tags that may be left out are", async () => {
    const { text, title } = await documentOf(
      "a.html",
      "<head><title>T</title><style>x</style><body><p>a<p>b<ul><li>c<li>d</ul>",
    );
    expect({ text, title }).toEqual({ text: "a\n\nb\n\nc\nd", title: "T" });
    const spaces = await documentOf("a.html", `<pre>a${" ".repeat(200_000)}b</pre>`);
    expect(spaces.text).toHaveLength(200_002);
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
