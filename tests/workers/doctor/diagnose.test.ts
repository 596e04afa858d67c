import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { MillraceError } from "@millrace/core";
import { Runtime } from "@millrace/native";
import { type DiagnoseOptions, diagnose, type Finding } from "@millrace/workers";

describe("the doctor", () => {
  let folder: string;
  let options: DiagnoseOptions;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-doctor-"));
    const modelStore = {
      modelsDirectory: folder,
      hubEndpoint: "http://127.0.0.1:9",
      python: "python3",
      isOffline: false,
    };
    const folders = [join(folder, "not", "there", "yet")];
    options = { version: "0.1.0", servers: [], folders, model: "org/name", modelStore };
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  const byName = async (options: DiagnoseOptions) => {
    const findings = await diagnose(options);
    const found = new Map(findings.map((finding) => [finding.name.split(" ")[0] as string, finding]));
    for (const { status, fix, detail } of findings) {
      expect(detail).not.toMatch(/^$|\n/);
      expect(fix === undefined).toBe(status === "ok");
    }
    return (name: string) => found.get(name) as Finding;
  };

  test("finds the machine and the native libraries in order", async () => {
    const finding = await byName(options);
    expect(finding("node")).toMatchObject({ status: "ok", detail: expect.stringContaining(process.versions.node) });
    expect(finding("millrace").detail).toMatch(/^0\.1\.0, Temporal SDK \d+\.\d+\.\d+$/);
    expect(finding("cpu").detail).toMatch(/\d+ cores?/);
    expect(finding("memory").detail).toMatch(/GB available of .*GB/);
    expect(finding("disk").detail).toMatch(/GB free/);
    expect(finding("open").detail).toMatch(/up to|no limit/);
    expect(finding("onnx")).toMatchObject({
      status: "ok",
      detail: expect.stringMatching(/^\d+\.\d+\.\d+, providers cpu/),
    });
    expect(finding("tokenizers")).toMatchObject({ status: "ok", detail: "loads" });
    expect(finding("lancedb")).toMatchObject({ status: "ok", detail: "loads" });
    expect(finding("native")).toMatchObject(
      Runtime.isPresent()
        ? { status: "ok", detail: expect.stringMatching(/^\d+\.\d+\.\d+ over \/.*libonnxruntime\S+, build \w+$/) }
        : { status: "warn", detail: Runtime.whyAbsent() },
    );
    expect(finding("store").status).toBe("ok");
  });

  test("a clock that is off is a warning, and a failure where a server refuses what it signs", async () => {
    const server = (seconds: number, isStrictOnTime = false) => ({
      name: "server",
      isStrictOnTime,
      ask: async () => ({ version: "1.2", clock: Date.now() - 1000 * seconds }),
    });
    const clockOf = async (...servers: DiagnoseOptions["servers"]) => (await byName({ ...options, servers }))("clock");
    expect(await clockOf(server(1), server(-2, true))).toMatchObject({ status: "ok" });
    expect(await clockOf(server(1000), server(0, true))).toMatchObject({ status: "warn" });
    expect(await clockOf(server(-1000, true))).toMatchObject({
      status: "fail",
      detail: "1000 s behind server",
      facts: { aheadSeconds: -1000 },
    });
  });

  test("says what to do about what is missing", async () => {
    await writeFile(join(folder, "file"), "");
    const schema = () =>
      Promise.reject(new MillraceError("E_STORE", "the store is damaged", { why: "store.json", fix: "Restore it" }));
    const finding = await byName({
      ...options,
      folders: [join(folder, "file", "below")],
      modelStore: { ...options.modelStore, python: join(folder, "no-python"), isOffline: false },
      store: { location: "x", schema },
    });
    expect(finding("disk").status).toBe("fail");
    expect(finding("python")).toMatchObject({ status: "warn", detail: expect.stringContaining("is not installed") });
    expect(finding("model")).toMatchObject({
      status: "warn",
      fix: expect.stringContaining("millrace models pull org/name"),
    });
    expect(finding("hub").status).toBe("warn");
    expect(finding("store")).toMatchObject({
      status: "fail",
      detail: "the store is damaged: store.json",
      fix: "Restore it",
    });
  });

  test("a store that is not there yet is no fault: the first run makes it", async () => {
    const schema = () => Promise.reject(new MillraceError("E_STORE_MISSING", "no store"));
    const finding = await byName({ ...options, store: { location: "x", schema } });
    expect(finding("store")).toMatchObject({ status: "ok", detail: expect.stringContaining("none yet") });
  });

  test("offline the hub is not asked and a missing model is a failure", async () => {
    const finding = await byName({ ...options, modelStore: { ...options.modelStore, isOffline: true } });
    expect(finding("hub")).toMatchObject({ status: "ok", detail: expect.stringContaining("not asked") });
    expect(finding("model").status).toBe("fail");
  });

  test("sees a model, a store and a hub that are there, and gives up on a silent hub after two seconds", async () => {
    for (const name of ["config.json", "tokenizer.json", "model.safetensors"])
      await writeFile(join(folder, name), "{}");
    const silent = createServer(() => undefined);
    await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
    const address = silent.address();
    const hubEndpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    const schema = async () =>
      ({ dimensions: 384, distance: "cosine", fingerprint: "f", graph: "g", model: "m" }) as const;
    const modelStore = { ...options.modelStore, hubEndpoint };
    const finding = await byName({ ...options, model: folder, modelStore, store: { location: "s", schema } });
    silent.close();
    expect(finding("model")).toMatchObject({ status: "ok", detail: expect.stringContaining(folder) });
    expect(finding("store").detail).toBe("384 dimensions, cosine, model m");
    expect(finding("hub").detail).toContain("no answer within 2 s");
  });
});
