import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { lockFolder } from "@millrace/workers";

let folder: string;
const isLocked = () => existsSync(join(folder, "lock"));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-lock-"));
});

afterEach(() => rm(folder, { recursive: true }));

test("a process shares its lock; the last to give it back opens the folder", async () => {
  const first = await lockFolder(folder);
  const second = await lockFolder(`${folder}/.`);
  await first();
  await first();
  expect(isLocked()).toBe(true);
  const [third] = await Promise.all([lockFolder(folder), second()]);
  expect(isLocked()).toBe(true);
  await third?.();
  expect(isLocked()).toBe(false);
});

test("another live process keeps its lock, a dead one does not", async () => {
  await writeFile(join(folder, "lock"), String(process.ppid));
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: "E_STORE_BUSY" });
  // No process of this machine can have it.
  await writeFile(join(folder, "lock"), String(2 ** 22 + 1));
  await (await lockFolder(folder))();
  expect(isLocked()).toBe(false);
});
