import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { expectSoundBlocks, outline } from "./blocks.ts";
import { documentOf, memoryObject, parsed } from "./objects.ts";

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
      { numRuns: 600 },
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
