import { execFileSync } from "node:child_process";
import { appendFileSync, readdirSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { CorpusObject, Source } from "@millrace/core";
import { openSource, parseObject, spoolStandardInput } from "@millrace/workers";
import { folderOf, keysOf } from "./folders.ts";

const open = (location: string) => openSource({ location, include: [], exclude: [] });

async function onlyObject(source: Source): Promise<CorpusObject> {
  for await (const object of source.list()) return object;
  throw new Error("nothing is listed");
}

async function textOf(source: Source, object: CorpusObject): Promise<string> {
  const opened = await source.open(object);
  try {
    const pieces: Uint8Array[] = [];
    for await (const piece of opened.stream()) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  } finally {
    await opened.close();
  }
}

describe("opening what was listed", () => {
  test("streams and reads the bytes", async () => {
    const text = "0123456789".repeat(100_000);
    const source = await open(folderOf({ "a.txt": text }));
    const object = await onlyObject(source);
    expect(object.bytes).toBe(1_000_000);
    expect(await textOf(source, object)).toBe(text);
    const opened = await source.open(object);
    expect(Buffer.from(await opened.read(999_995, 1_000_000)).toString()).toBe("56789");
    expect(await opened.read(0, 0)).toHaveLength(0);
    await expect(opened.read(5, 1_000_001)).rejects.toMatchObject({ code: "E_INTERNAL" });
    await opened.close();
  });

  test.each<[string, (path: string) => void]>([
    [
      "written over with as many bytes and the old times",
      (path) => {
        writeFileSync(path, "ABC");
        utimesSync(path, 1000, 1000);
      },
    ],
    ["appended to", (path) => appendFileSync(path, "d")],
    ["cut", (path) => truncateSync(path, 1)],
    ["gone", (path) => rmSync(path)],
    [
      "replaced by another file",
      (path) => {
        writeFileSync(`${path}.new`, "abc");
        utimesSync(`${path}.new`, 1000, 1000);
        renameSync(`${path}.new`, path);
      },
    ],
    [
      "replaced by a pipe",
      (path) => {
        rmSync(path);
        execFileSync("mkfifo", [path]);
      },
    ],
  ])("a file that was %s has changed", async (_, change) => {
    const root = folderOf({ "a.txt": "abc" });
    utimesSync(join(root, "a.txt"), 1000, 1000);
    const source = await open(root);
    const object = await onlyObject(source);
    change(join(root, "a.txt"));
    await expect(source.open(object)).rejects.toMatchObject({ code: "E_OBJECT_CHANGED" });
  });

  test.each<[string, (path: string) => void]>([
    ["written to", (path) => writeFileSync(path, "y".repeat(1_000_000))],
    ["cut", (path) => truncateSync(path, 10)],
    ["appended to", (path) => appendFileSync(path, "y")],
  ])("a file that is %s while it is read has changed", async (_, change) => {
    const root = folderOf({ "a.txt": "x".repeat(1_000_000) });
    const source = await open(root);
    const opened = await source.open(await onlyObject(source));
    const reading = (async () => {
      let isFirst = true;
      for await (const piece of opened.stream()) {
        expect(piece.length).toBeGreaterThan(0);
        if (isFirst) change(join(root, "a.txt"));
        isFirst = false;
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "E_OBJECT_CHANGED" });
    await expect(opened.read(0, 5)).rejects.toMatchObject({ code: "E_OBJECT_CHANGED" });
    await opened.close();
  });

  test("keys lead nowhere outside the root", async () => {
    const source = await open(folderOf({ "a.txt": "abc" }));
    const object = await onlyObject(source);
    for (const key of ["../a.txt", "/etc/passwd", "a/../../b", "", "a\0"]) {
      await expect(source.open({ ...object, key })).rejects.toMatchObject({ code: "E_OBJECT_UNREADABLE" });
    }
  });

  test("an unchanged file keeps its version", async () => {
    const root = folderOf({ "a.txt": "abc" });
    expect(await onlyObject(await open(root))).toEqual(await onlyObject(await open(root)));
  });
});

describe("standard input", () => {
  async function* input(...pieces: string[]) {
    for (const piece of pieces) yield Buffer.from(piece);
  }

  test("the same content is the same object, other content another version of it", async () => {
    const folder = join(folderOf(), "spool");
    const first = await spoolStandardInput(input('{"text":', '"a"}\n'), folder);
    const again = await spoolStandardInput(input('{"te', 'xt":"a"}\n'), folder);
    const other = await spoolStandardInput(input('{"text":"b"}\n'), folder);
    expect(again).toEqual(first);
    const [source, sourceAgain, sourceOther] = (await Promise.all([first, again, other].map(openSource))) as [
      Source,
      Source,
      Source,
    ];
    expect(sourceAgain.uri).toBe(source.uri);
    expect(sourceOther.uri).toBe(source.uri);
    const object = await onlyObject(source);
    expect(await onlyObject(sourceAgain)).toEqual(object);
    expect(await onlyObject(sourceOther)).toMatchObject({ key: "stdin.jsonl" });
    expect((await onlyObject(sourceOther)).version).not.toBe(object.version);
    expect(await textOf(source, object)).toBe('{"text":"a"}\n');
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test("what comes in can be parsed", async () => {
    const source = await openSource(await spoolStandardInput(input('{"text":"a"}\n{"text":"b"}'), folderOf()));
    const opened = await source.open(await onlyObject(source));
    const texts: string[] = [];
    for await (const row of parseObject(opened, { text: [], payload: [] }))
      if ("document" in row) texts.push(row.document.text);
    await opened.close();
    expect(texts).toEqual(["a", "b"]);
  });

  test("input that breaks off leaves nothing behind", async () => {
    const folder = folderOf();
    async function* broken() {
      yield Buffer.from("abc");
      throw new Error("broken pipe");
    }
    await expect(spoolStandardInput(broken(), folder)).rejects.toMatchObject({ code: "E_IO" });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("empty input is an object without rows; a folder that cannot be is an error", async () => {
    const source = await openSource(await spoolStandardInput(input(), folderOf()));
    expect(await keysOf(source)).toEqual(["stdin.jsonl"]);
    const file = join(folderOf({ file: "x" }), "file");
    await expect(spoolStandardInput(input("a"), file)).rejects.toMatchObject({ code: "E_STORE_READ_ONLY" });
  });
});
