import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { listFiles, readText, root } from "./modules.ts";
import { forbiddenWords, namedScripts, relativeLinks } from "./texts.ts";

const binary = /\.(arrow|parquet|onnx|safetensors|gz|zst|png|pdf|bin|node|gguf|npy)$/;
const files = listFiles().filter((path) => !binary.test(path) && path !== "package-lock.json");
const pages = files.filter((path) => path.endsWith(".md"));

test("no file holds a forbidden word", () => {
  expect(files.flatMap((path) => forbiddenWords(path, readText(path)))).toEqual([]);
});

test("every relative link leads to a file", () => {
  const links = pages.flatMap((path) => relativeLinks(path, readText(path)).map((target) => ({ path, target })));
  expect(links.filter(({ target }) => !existsSync(join(root, target)))).toEqual([]);
});

test("every npm script that a page names exists", () => {
  const { scripts } = JSON.parse(readText("package.json")) as { scripts: Record<string, string> };
  const named = pages.flatMap((path) => namedScripts(readText(path)).map((name) => ({ path, name })));
  expect(named.filter(({ name }) => !(name in scripts))).toEqual([]);
});

describe("every rule can fail", () => {
  const temporary = ["", "tmp", "model"].join("/");

  test.each([
    `cache = "${temporary}"`,
    `cd ${["", "root"].join("/")}`,
    `see https://${["registry", "npmjs", "org"].join(".")}/uuid`,
    `// ${"TO"}${"DO"} later`,
  ])("%s", (line) => {
    expect(forbiddenWords("a.ts", `first\n${line}`)).toHaveLength(1);
  });

  test.each(["packages/tmp/model", `\${folder}${temporary}`, "a todo list", "//root.example/"])("not %s", (line) => {
    expect(forbiddenWords("a.ts", line)).toEqual([]);
  });

  test("a container has its own folder for temporary files", () => {
    expect(forbiddenWords("infra/compose.yaml", `tmpfs: [${temporary}]`)).toEqual([]);
  });

  test("links and scripts", () => {
    const page = "[a](b.md#part) [c](https://example.org) [d](#e) `npm run nothing` npm test";
    expect(relativeLinks("docs/a.md", page)).toEqual(["docs/b.md"]);
    expect(namedScripts(page)).toEqual(["nothing", "test"]);
  });
});
