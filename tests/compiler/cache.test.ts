import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { compileModel, findCompiledModel } from "@millrace/compiler";
import { failureOf, tinyModel, withCopy, withFolder } from "./support.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("a compiled model names its graph and the files that went in by their digests", async () => {
  await withCopy("mean-normalized", async (directory, cacheDirectory) => {
    const model = await compileModel(directory, { precision: "fp32", cacheDirectory });
    expect(model.graphDigest).toBe(sha256(await readFile(model.graphPath)));
    expect(model.files.map(({ name }) => name)).toEqual([
      "1_Pooling/config.json",
      "config.json",
      "model.safetensors",
      "modules.json",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    for (const file of model.files) {
      const bytes = await readFile(join(directory, file.name));
      expect(file).toEqual({ name: file.name, bytes: bytes.length, sha256: sha256(bytes) });
    }
    expect(model.inputs).toEqual([{ name: "ids", type: "int32", shape: ["batch", "sequence"] }]);
    expect(model.outputs).toEqual([{ name: "vectors", type: "float32", shape: ["batch", 32] }]);
  });
});

test("equal models give equal graphs, wherever they lie", async () => {
  await withCopy("mean-normalized", async (directory, cacheDirectory) => {
    const there = await compileModel(directory, { precision: "fp32", cacheDirectory });
    await withFolder(async (elsewhere) => {
      const here = await compileModel(tinyModel("mean-normalized"), { precision: "fp32", cacheDirectory: elsewhere });
      expect(here.graphDigest).toBe(there.graphDigest);
      expect(here.files).toEqual(there.files);
    });
  });
});

test("a second call takes what the first wrote", async () => {
  await withCopy("mean-normalized", async (directory, cacheDirectory) => {
    const first = await compileModel(directory, { precision: "fp32", cacheDirectory });
    const written = await stat(first.graphPath);
    expect(await compileModel(directory, { precision: "fp32", cacheDirectory })).toEqual(first);
    expect((await stat(first.graphPath)).ino).toBe(written.ino);
    expect((await readdir(cacheDirectory)).filter((name) => name.startsWith("unfinished"))).toEqual([]);
  });
});

test("what was compiled is found without compiling, as long as nothing was touched", async () => {
  await withCopy("mean-normalized", async (directory, cacheDirectory) => {
    const options = { precision: "fp32", cacheDirectory } as const;
    expect(await findCompiledModel(directory, options)).toBeUndefined();
    const model = await compileModel(directory, options);
    expect(await findCompiledModel(directory, options)).toEqual(model);
    await changeByte(model.graphPath);
    expect(await findCompiledModel(directory, options)).toBeUndefined();
    await compileModel(directory, options);
    await changeByte(join(directory, "model.safetensors"));
    expect(await findCompiledModel(directory, options)).toBeUndefined();
  });
});

test("a changed weight is noticed though size and time of modification are the same", async () => {
  await withCopy("mean-normalized", async (directory, cacheDirectory) => {
    const path = join(directory, "model.safetensors");
    const before = await compileModel(directory, { precision: "fp32", cacheDirectory });
    const { atime, mtime } = await stat(path);
    const bytes = await readFile(path);
    bytes.writeFloatLE(0.125, bytes.length - 4);
    await writeFile(path, bytes);
    await utimes(path, atime, mtime);
    const after = await compileModel(directory, { precision: "fp32", cacheDirectory });
    expect(after.graphDigest).not.toBe(before.graphDigest);
  });
});

test.each([
  ["changed", (path: string) => changeByte(path)],
  ["empty", (path: string) => writeFile(path, "")],
])("a cached graph that is %s is written again", async (_, damage) => {
  await withCopy("mean-normalized", async (directory, cacheDirectory) => {
    const model = await compileModel(directory, { precision: "fp32", cacheDirectory });
    await damage(model.graphPath);
    expect(await compileModel(directory, { precision: "fp32", cacheDirectory })).toEqual(model);
    expect(sha256(await readFile(model.graphPath))).toBe(model.graphDigest);
    expect((await readdir(cacheDirectory)).length).toBe(2);
  });
});

async function changeByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

test("a cached description that is damaged is written again", async () => {
  await withCopy("mean-normalized", async (directory, cacheDirectory) => {
    const model = await compileModel(directory, { precision: "fp32", cacheDirectory });
    await writeFile(join(model.graphPath, "../model.json"), "{");
    expect(await compileModel(directory, { precision: "fp32", cacheDirectory })).toEqual(model);
  });
});

test("what a killed process left is removed a day later", async () => {
  await withCopy("mean-normalized", async (directory, cacheDirectory) => {
    const days = (count: number) => new Date(Date.now() - count * 86_400_000);
    for (const [name, age] of [
      ["unfinished-old", 2],
      ["unfinished-new", 0.5],
    ] as const) {
      await mkdir(join(cacheDirectory, name), { recursive: true });
      await utimes(join(cacheDirectory, name), days(age), days(age));
    }
    await compileModel(directory, { precision: "fp32", cacheDirectory });
    const left = (await readdir(cacheDirectory)).filter((name) => name.startsWith("unfinished"));
    expect(left).toEqual(["unfinished-new"]);
  });
});

test("four processes may compile the same model at once", async () => {
  await withCopy("mean-normalized", async (directory, cacheDirectory) => {
    const script = `import { compileModel, findCompiledModel } from "@millrace/compiler";
      const model = await compileModel(process.argv[1], { precision: "fp32", cacheDirectory: process.argv[2] });
      process.stdout.write(model.graphDigest);`;
    const run = async () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script, directory, cacheDirectory], {
        cwd: join(import.meta.dirname, "../.."),
        stdio: ["ignore", "pipe", "inherit"],
      });
      const pieces: Buffer[] = [];
      child.stdout.on("data", (piece) => pieces.push(piece));
      await once(child, "close");
      return Buffer.concat(pieces).toString();
    };
    const digests = await Promise.all([run(), run(), run(), run()]);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(digests).size).toBe(1);
    expect((await readdir(cacheDirectory)).length).toBe(2);
  });
});

test("a cache that cannot be written is named", async () => {
  await withFolder(async (folder) => {
    await cp(join(tinyModel("mean-normalized"), "config.json"), join(folder, "cache"));
    const options = { precision: "fp32", cacheDirectory: join(folder, "cache") } as const;
    const error = await failureOf(() => compileModel(tinyModel("mean-normalized"), options));
    expect(error.code).toBe("E_STORE_READ_ONLY");
    expect(error.message).toContain(join(folder, "cache"));
  });
});
