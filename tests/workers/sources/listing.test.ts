import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { compareKeys, type SourceSpec } from "@millrace/core";
import { knownExtensions, openSource } from "@millrace/workers";
import fc from "fast-check";
import { folderOf, keysOf, write } from "./folders.ts";

const spec = (location: string, rules: Partial<SourceSpec> = {}): SourceSpec => ({
  location,
  include: [],
  exclude: [],
  ...rules,
});
const list = async (location: string, rules: Partial<SourceSpec> = {}) =>
  keysOf(await openSource(spec(location, rules)));

describe("order", () => {
  test("any tree is listed in compareKeys order, and after any key the rest of it", async () => {
    const segment = fc.string({
      unit: fc.constantFrom("a", "b", ".", "-", "0", "/", "é", "\uffee", "🦉"),
      minLength: 1,
      maxLength: 3,
    });
    const path = fc
      .array(segment, { minLength: 1, maxLength: 3 })
      .map((segments) =>
        segments
          .join("")
          .split("/")
          .filter((part) => part !== "" && !part.startsWith("."))
          .join("/"),
      )
      .filter((path) => path !== "");
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(path, { maxLength: 25 }),
        fc.array(path, { maxLength: 5 }),
        async (paths, cursors) => {
          const root = folderOf();
          const written = paths.filter((path) => tryWrite(root, path));
          const source = await openSource(spec(root, { include: ["**"] }));
          const sorted = [...written].sort(compareKeys);
          expect(await keysOf(source)).toEqual(sorted);
          for (const after of [...cursors, ...written.slice(0, 3)]) {
            expect(await keysOf(source, after)).toEqual(sorted.filter((key) => compareKeys(key, after) > 0));
          }
        },
      ),
      { numRuns: 120 },
    );
  });

  test("a folder's place is that of its name with a slash", async () => {
    const root = folderOf({ "a/b.md": "", "a.md": "", "a-.md": "", "a0.md": "", "a/b/c.md": "" });
    expect(await list(root)).toEqual(["a-.md", "a.md", "a/b.md", "a/b/c.md", "a0.md"]);
  });

  test("folders before the cursor are not listed", async () => {
    const root = folderOf({ "a/x.md": "", "b/x.md": "", "b/y.md": "", "c.md": "" });
    renameSync(join(root, "a"), join(root, "aa"));
    symlinkSync("nowhere", join(root, "a"));
    const source = await openSource(spec(root));
    expect(await keysOf(source, "b/x.md")).toEqual(["b/y.md", "c.md"]);
    expect(await keysOf(source, "b")).toEqual(["b/x.md", "b/y.md", "c.md"]);
    expect(await keysOf(source, "z")).toEqual([]);
  });
});

describe("selection", () => {
  const files = {
    "a.md": "",
    "b.bin": "",
    LICENSE: "",
    "c.JSONL.gz": "",
    ".hidden.md": "",
    ".github/d.md": "",
    ".github/deep/e.md": "",
    "node_modules/p/README.md": "",
    "sub/node_modules/q/README.md": "",
    "sub/f.txt": "",
  };

  test("by default known extensions outside hidden folders and node_modules", async () => {
    expect(await list(folderOf(files))).toEqual(["a.md", "c.JSONL.gz", "sub/f.txt"]);
  });

  test("the root itself may be hidden or called node_modules", async () => {
    const root = folderOf(files);
    expect(await list(join(root, "node_modules"))).toEqual(["p/README.md"]);
    expect(await list(join(root, ".github"))).toEqual(["d.md", "deep/e.md"]);
  });

  test.each([
    [["**/*.bin"], [], ["b.bin"]],
    [["**"], [], ["LICENSE", "a.md", "b.bin", "c.JSONL.gz", "sub/f.txt"]],
    [["*.md"], [], ["a.md"]],
    [["**/node_modules/**/*.md"], [], ["node_modules/p/README.md", "sub/node_modules/q/README.md"]],
    [["node_modules/**"], [], ["node_modules/p/README.md"]],
    [["**/.github/**"], [], [".github/d.md", ".github/deep/e.md"]],
    [[".*"], [], [".hidden.md"]],
    [["{a,sub/f}.{md,txt}"], [], ["a.md", "sub/f.txt"]],
    [[], ["sub/**"], ["a.md", "c.JSONL.gz"]],
    [[], ["**/*.md", "*.gz"], ["sub/f.txt"]],
    [["**"], ["**/*.bin", "LICENSE"], ["a.md", "c.JSONL.gz", "sub/f.txt"]],
    [["**/node_modules/**"], ["sub/**"], ["node_modules/p/README.md"]],
  ])("include %j, exclude %j", async (include, exclude, keys) => {
    expect(await list(folderOf(files), { include, exclude })).toEqual(keys);
  });

  test("every known extension is listed, compressed too", async () => {
    const names = knownExtensions.flatMap((extension) => [`x${extension}`, `x${extension}.gz`, `x${extension}.zst`]);
    const root = folderOf(Object.fromEntries(names.map((name) => [name, ""])));
    expect(await list(root)).toEqual([...names].sort(compareKeys));
  });
});

describe("what lies in a folder", () => {
  test("links to files are followed, links to folders and dangling ones are not, pipes and sockets are left out", async () => {
    const root = folderOf({ "a.md": "a", "sub/b.md": "b" });
    const outside = folderOf({ "c.md": "outside" });
    symlinkSync(join(outside, "c.md"), join(root, "linked.md"));
    symlinkSync("..", join(root, "sub/up"));
    symlinkSync("missing.md", join(root, "dangling.md"));
    symlinkSync("loop.md", join(root, "loop.md"));
    execFileSync("mkfifo", [join(root, "pipe.md")]);
    const server = createServer().listen(join(root, "socket.md"));
    try {
      await new Promise((resolve) => server.once("listening", resolve));
      expect(await list(root)).toEqual(["a.md", "linked.md", "sub/b.md"]);
    } finally {
      server.close();
    }
  });

  test("a name that is not UTF-8 is listed under its replacement, and opening it says why", async () => {
    const root = folderOf({ "a.md": "a", "z.md": "z" });
    writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9]), Buffer.from(".md")]), "x");
    mkdirSync(Buffer.concat([Buffer.from(`${root}/d`), Buffer.from([0xff])]));
    const source = await openSource(spec(root));
    const objects = [];
    for await (const object of source.list()) objects.push(object);
    expect(objects.map(({ key }) => key)).toEqual(["a.md", "caf\ufffd.md", "d\ufffd/", "z.md"]);
    for (const object of objects.slice(1, 3)) {
      await expect(source.open(object)).rejects.toMatchObject({
        code: "E_OBJECT_UNREADABLE",
        fix: "Rename it, or exclude it.",
      });
    }
  });

  test("a folder that cannot be listed ends the listing: its documents have not vanished", async () => {
    const root = folderOf({ "a.md": "a", "locked/b.md": "b" });
    chmodSync(root, 0o755);
    chmodSync(join(root, "locked"), 0);
    const source = await openSource(spec(root));
    await asUnprivileged(async () => {
      await expect(keysOf(source)).rejects.toMatchObject({
        code: "E_SOURCE_MISSING",
        what: 'Cannot list the folder "locked"',
      });
      expect(await list(root, { exclude: ["locked/**"] })).toEqual(["a.md"]);
      await expect(openSource(spec(join(root, "locked")))).rejects.toMatchObject({ code: "E_SOURCE_MISSING" });
    });
    chmodSync(join(root, "locked"), 0o755);
  });
});

describe("location", () => {
  test("the uri is that of the real path, however it is spelled", async () => {
    const root = realpathSync(folderOf({ "a.md": "", "sub/b.md": "" }));
    symlinkSync(root, `${root}-link`);
    const uris = await Promise.all(
      [root, `${root}/`, `${root}/sub/..`, `${root}-link`].map(async (path) => (await openSource(spec(path))).uri),
    );
    expect(new Set(uris)).toEqual(new Set([pathToFileURL(root).href]));
  });

  test("one file is a corpus of itself, whatever its extension", async () => {
    const root = realpathSync(folderOf({ "notes.xyz": "a", "b.md": "" }));
    const source = await openSource(spec(join(root, "notes.xyz")));
    expect(source.uri).toBe(pathToFileURL(join(root, "notes.xyz")).href);
    expect(await keysOf(source)).toEqual(["notes.xyz"]);
    expect(await keysOf(source, "notes.xyz")).toEqual([]);
  });

  test("a glob lists below its base; one that matches nothing lists nothing", async () => {
    const root = realpathSync(
      folderOf({ "docs/a.md": "", "docs/sub/b.md": "", "docs/c.txt": "", "docs/.h/d.md": "", "x.md": "" }),
    );
    const source = await openSource(spec(join(root, "docs/**/*.md")));
    expect(source.uri).toBe(`${pathToFileURL(root).href}/docs/**/*.md`);
    expect(await keysOf(source)).toEqual(["a.md", "sub/b.md"]);
    expect(await list(join(root, "docs/*.{md,txt}"), { exclude: ["*.txt"] })).toEqual(["a.md"]);
    expect(await list(join(root, "**/*.pdf"))).toEqual([]);
  });

  test("a path that exists is no glob", async () => {
    const root = folderOf({ "a[1]/x.md": "", "a1/y.md": "" });
    expect(await list(join(root, "a[1]"))).toEqual(["x.md"]);
  });

  test.each(["missing", "missing/**/*.md", "missing.md", "", "-", "a\0b"])("%j is not there", async (location) => {
    const path = location.startsWith("missing") ? join(folderOf(), location) : location;
    await expect(openSource(spec(path))).rejects.toMatchObject({ code: "E_SOURCE_MISSING", fix: expect.any(String) });
  });
});

function tryWrite(root: string, path: string): boolean {
  try {
    write(root, path, "");
    return true;
  } catch {
    // The tree has a file where this path needs a folder, or the other way round.
    return false;
  }
}

/** Root may read everything, so it steps down for a while. */
async function asUnprivileged(step: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await step();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}
