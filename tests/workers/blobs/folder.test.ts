import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { folderBlobs } from "@millrace/workers";
import { describeBlobStore } from "../../conformance/blobs.ts";
import { asOrdinaryUser, onSmallDisk } from "../../support/failing-places.ts";

const root = await mkdtemp(join(tmpdir(), "millrace-blobs-"));
afterAll(() => rm(root, { recursive: true, force: true }));
const newFolder = () => mkdtemp(join(root, "store-"));

describeBlobStore("folder", async () => folderBlobs(join(await newFolder(), "new", "folder")));

describe("folder", () => {
  test("the layout's keys are files of the same names", async () => {
    const folder = await newFolder();
    await folderBlobs(folder).put("batches/000001/000002.arrow", new Uint8Array(1));
    expect(await readdir(join(folder, "batches", "000001"))).toEqual(["000002.arrow"]);
  });

  test("nothing outside the folder can be named", async () => {
    const folder = await newFolder();
    await writeFile(join(folder, "outside.txt"), "");
    const blobs = folderBlobs(join(folder, "inside"));
    for await (const key of blobs.list("../")) throw new Error(`listed ${key}`);
    await blobs.put("..a/…", new Uint8Array(1));
    expect((await readdir(folder)).sort()).toEqual(["inside", "outside.txt"]);
  });

  test("left-over temporary files are not listed, and swept once they are old", async () => {
    const folder = await newFolder();
    const blobs = folderBlobs(folder);
    await mkdir(join(folder, "a"));
    await writeFile(join(folder, "a", "%~young"), "half a blo");
    await writeFile(join(folder, "a", "%~old"), "half a blo");
    await utimes(join(folder, "a", "%~old"), 1, 1);
    await blobs.put("a/b.txt", new Uint8Array(1));
    const keys: string[] = [];
    for await (const key of blobs.list("")) keys.push(key);
    expect(keys).toEqual(["a/b.txt"]);
    expect((await readdir(join(folder, "a"))).sort()).toEqual(["%~young", "b.txt"]);
  });

  test("a process killed while it puts leaves no torn blob", async () => {
    const folder = await newFolder();
    for (let round = 0; round < 8; round += 1) {
      const child = spawn(process.execPath, [join(import.meta.dirname, "put-loop.mjs"), folder], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, 20 + 30 * round));
      child.kill("SIGKILL");
      await once(child, "exit");
      await expectWholeBlobs(folder);
    }
  });

  test("a place that cannot be written is E_STORE_READ_ONLY, a full one E_DISK_FULL", async () => {
    await chmod(root, 0o755);
    const folder = await newFolder();
    await chmod(folder, 0o555);
    const blobs = folderBlobs(folder);
    const readOnly = { code: "E_STORE_READ_ONLY", message: expect.stringContaining(folder) };
    await asOrdinaryUser(() => expect(blobs.put("a.bin", new Uint8Array(1))).rejects.toMatchObject(readOnly));
    const wasTried = await onSmallDisk(folder, 1, async () => {
      await blobs.put("a.bin", new Uint8Array(500_000));
      const full = { code: "E_DISK_FULL", message: expect.stringContaining(folder) };
      await expect(blobs.put("a.bin", new Uint8Array(800_000))).rejects.toMatchObject(full);
      expect(await blobs.get("a.bin")).toEqual(new Uint8Array(500_000));
      expect(await readdir(folder)).toEqual(["a.bin"]);
    });
    if (!wasTried) process.stderr.write("skipped: no file system can be mounted here\n");
  });

  test("a file where a folder is needed is an error that names the path", async () => {
    const folder = await newFolder();
    await writeFile(join(folder, "file"), "");
    const blobs = folderBlobs(join(folder, "file"));
    await expect(blobs.put("a", new Uint8Array(1))).rejects.toMatchObject({
      code: "E_IO",
      message: expect.stringContaining(join(folder, "file")),
    });
  });
});

async function expectWholeBlobs(folder: string): Promise<void> {
  const blobs = folderBlobs(folder);
  for await (const key of blobs.list("")) {
    const bytes = (await blobs.get(key)) ?? new Uint8Array(0);
    expect(bytes.length % 100_000).toBe(0);
    expect(bytes.length).toBeGreaterThan(0);
    expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
  }
}
