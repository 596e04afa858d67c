import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "@jest/globals";
import type { Source } from "@millrace/core";

const made: string[] = [];

/** A folder of its own with the given files, gone after the tests. */
export function folderOf(files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "millrace-source-"));
  made.push(root);
  for (const [path, content] of Object.entries(files)) write(root, path, content);
  return root;
}

export function write(root: string, path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

export async function keysOf(source: Source, after?: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of source.list(after)) keys.push(key);
  return keys;
}

afterAll(() => {
  for (const root of made) rmSync(root, { recursive: true, force: true });
});
