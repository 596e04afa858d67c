import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { findModel, listModels, type ModelStoreOptions, pullModel } from "@millrace/workers";
import { commit, type Fault, type HubContent, type HubServer, sha256, startHub } from "./hub-server.ts";

const weights = randomBytes(300_000);
const files = {
  "config.json": Buffer.from('{"model_type":"bert"}'),
  "tokenizer.json": Buffer.from('{"model":{}}'),
  "modules.json": Buffer.from("[]"),
  "1_Pooling/config.json": Buffer.from('{"pooling_mode_mean_tokens":true}'),
  "model.safetensors": weights,
  "pytorch_model.bin": Buffer.alloc(10),
  "onnx/model.onnx": Buffer.alloc(10),
};
const id = "makers/small-model";

describe("a model on a hub", () => {
  let modelsDirectory: string;
  const servers: HubServer[] = [];
  const lines: string[] = [];

  beforeEach(async () => {
    modelsDirectory = await mkdtemp(join(tmpdir(), "millrace-models-"));
    lines.length = 0;
  });

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
    await rm(modelsDirectory, { recursive: true, force: true });
  });

  async function serve(content: Partial<HubContent> = {}): Promise<HubServer> {
    const server = await startHub({ id, files, ...content });
    servers.push(server);
    return server;
  }

  function optionsFor(server: { endpoint: string }, more: Partial<ModelStoreOptions> = {}): ModelStoreOptions {
    const limits = { connectTimeoutMs: 500, idleTimeoutMs: 300, attempts: 3, baseDelayMs: 5, maxDelayMs: 20 };
    const report = (line: string) => void lines.push(line);
    return {
      modelsDirectory,
      hubEndpoint: server.endpoint,
      python: "python3",
      isOffline: false,
      limits,
      report,
      ...more,
    };
  }

  async function pulledFrom(faults: readonly Fault[]): Promise<HubServer> {
    const server = await serve({ faults });
    const model = await pullModel(id, optionsFor(server));
    expect(await readFile(join(model.directory, "model.safetensors"))).toEqual(weights);
    return server;
  }

  test("is brought whole, with only the files that are needed, and found again without a network", async () => {
    const server = await serve();
    const model = await pullModel(id, optionsFor(server));
    expect(model.files.map(({ name }) => name)).toEqual([
      "1_Pooling/config.json",
      "config.json",
      "model.safetensors",
      "modules.json",
      "tokenizer.json",
    ]);
    expect(model.origin).toEqual({ kind: "hub", reference: id, revision: commit });
    expect(model.license).toBe("apache-2.0");
    for (const { name, sha256: digest } of model.files)
      expect(sha256(await readFile(join(model.directory, name)))).toBe(digest);
    expect(lines[0]).toMatch(/apache-2\.0/);

    const asked = server.requests.length;
    expect(await pullModel(id, optionsFor(server))).toEqual(model);
    expect(await pullModel(`${id}@${commit.slice(0, 8)}`, optionsFor(server, { isOffline: true }))).toEqual(model);
    expect(await listModels(optionsFor(server))).toEqual([model]);
    expect(server.requests).toHaveLength(asked);
    expect(await readdir(join(modelsDirectory, ".staging"))).toEqual([]);
  });

  test("a branch that leads to an installed commit costs one request", async () => {
    const server = await serve({ branches: ["v1"] });
    const model = await pullModel(id, optionsFor(server));
    const asked = server.requests.length;
    expect(await pullModel(`${id}@v1`, optionsFor(server))).toEqual(model);
    expect(server.requests).toHaveLength(asked + 1);
    expect(await findModel(`${id}@v1`, optionsFor(server))).toEqual(model);
  });

  test("a connection cut mid-body is resumed where it broke", async () => {
    const server = await pulledFrom([
      { on: "model.safetensors", kind: "cut", after: 100_000 },
      { on: "model.safetensors", kind: "cut", after: 50_000 },
    ]);
    const asked = server.requests.filter(({ path }) => path.endsWith("model.safetensors"));
    const offsets = asked.map(({ headers }) => Number(headers.range?.slice("bytes=".length, -1) ?? 0));
    expect(offsets[0]).toBe(0);
    expect(offsets[1]).toBeGreaterThan(0);
    expect(offsets[2]).toBeGreaterThan(offsets[1] as number);
    expect(asked[1]?.headers["if-range"]).toBe(`"${sha256(weights)}"`);
  });

  test("cuts that each make progress do not use up the attempts", async () => {
    await pulledFrom(
      Array.from({ length: 8 }, () => ({ on: "model.safetensors", kind: "cut", after: 30_000 }) as const),
    );
  });

  test("a silent connection is given up and resumed", async () => {
    const server = await pulledFrom([{ on: "model.safetensors", kind: "stall", after: 70_000 }]);
    expect(server.requests.some(({ headers }) => headers.range !== undefined)).toBe(true);
  });

  test("busy answers are tried again, not before the time the hub asks for", async () => {
    const started = Date.now();
    await pulledFrom([
      { on: "/revision/main", kind: "status", status: 503 },
      { on: "config.json", kind: "status", status: 429, headers: { "retry-after": "1" } },
    ]);
    expect(Date.now() - started).toBeGreaterThanOrEqual(1000);
    expect(lines.filter((line) => line.includes("trying again"))).toHaveLength(2);
  });

  test("a file damaged once is fetched again; one that stays damaged is refused and not kept", async () => {
    await pulledFrom([{ on: "model.safetensors", kind: "corrupt" }]);
    for (const on of ["model.safetensors", "tokenizer.json"]) {
      const server = await serve({ faults: [{ on, kind: "corrupt", isPermanent: true }] });
      const options = optionsFor(server, { modelsDirectory: join(modelsDirectory, on) });
      await expect(pullModel(id, options)).rejects.toMatchObject({ code: "E_MODEL_DIGEST" });
      expect(await findModel(id, options)).toBeUndefined();
    }
  });

  test("without sizes and digests in the listing the answer's own headers are used", async () => {
    const server = await serve({ hasBlobs: false });
    const elsewhere = await serve();
    const faults: Fault[] = [
      {
        on: "model.safetensors",
        kind: "redirect",
        to: `${elsewhere.endpoint}/model.safetensors`,
        headers: { "x-linked-etag": `"${"0".repeat(64)}"` },
        isPermanent: true,
      },
    ];
    await pullModel(id, optionsFor(server));
    const lying = await serve({ hasBlobs: false, faults });
    const fresh = { modelsDirectory: join(modelsDirectory, "fresh") };
    await expect(pullModel(id, optionsFor(lying, fresh))).rejects.toMatchObject({ code: "E_MODEL_DIGEST" });
  });

  test("the token goes to the hub and not to the host it redirects to", async () => {
    const elsewhere = await serve();
    const to = `${elsewhere.endpoint}/model.safetensors`;
    const server = await serve({ faults: [{ on: "model.safetensors", kind: "redirect", to }] });
    await pullModel(id, optionsFor(server, { hubToken: "hf_secret" }));
    expect(server.requests.every(({ headers }) => headers.authorization === "Bearer hf_secret")).toBe(true);
    expect(elsewhere.requests).toHaveLength(1);
    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined();
    expect(lines.join("\n")).not.toContain("hf_secret");
  });

  test("a pull that failed half-way is resumed by the next", async () => {
    const faults = Array.from({ length: 2 }, () => ({ on: "model.safetensors", kind: "stall" }) as const);
    const cut: Fault = { on: "model.safetensors", kind: "cut", after: 120_000 };
    const server = await serve({ faults: [cut, ...faults] });
    await expect(pullModel(id, optionsFor(server))).rejects.toMatchObject({ code: "E_MODEL_MISSING" });
    const before = server.requests.length;
    await pullModel(id, optionsFor(server));
    const weightsAsked = server.requests.slice(before).filter(({ path }) => path.endsWith("model.safetensors"));
    expect(weightsAsked).toHaveLength(1);
    expect(weightsAsked[0]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("a pull that was killed is resumed by another process", async () => {
    const stall: Fault = { on: "model.safetensors", kind: "stall", after: 200_000 };
    const server = await serve({ faults: [stall] });
    const options = JSON.stringify({ ...optionsFor(server), limits: { idleTimeoutMs: 60_000 } });
    const script = `import { pullModel } from "@millrace/workers"; await pullModel("${id}", ${options});`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
    const part = async () => {
      const [staging] = await readdir(join(modelsDirectory, ".staging"));
      return (await stat(join(modelsDirectory, ".staging", staging ?? "", "parts", "model.safetensors.part"))).size;
    };
    while ((await part().catch(() => 0)) < 200_000) await sleep(20);
    child.kill("SIGKILL");
    await once(child, "exit");
    const model = await pullModel(id, optionsFor(server));
    expect(await readFile(join(model.directory, "model.safetensors"))).toEqual(weights);
    const asked = server.requests.filter(({ path }) => path.endsWith("model.safetensors"));
    expect(asked.map(({ headers }) => headers.range)).toEqual([undefined, "bytes=200000-"]);
    expect(await readdir(join(modelsDirectory, ".staging"))).toEqual([]);
  });

  test("pulls at the same time all end with the same model", async () => {
    const server = await serve();
    const models = await Promise.all(Array.from({ length: 4 }, () => pullModel(id, optionsFor(server))));
    for (const model of models) expect(model).toEqual(models[0]);
    expect(await listModels(optionsFor(server))).toEqual([models[0]]);
    expect(await readdir(join(modelsDirectory, ".staging"))).toEqual([]);
  });

  test("a damaged model is not found, and a pull replaces it", async () => {
    const server = await serve();
    const model = await pullModel(id, optionsFor(server));
    await truncate(join(model.directory, "model.safetensors"), 1000);
    expect(await findModel(id, optionsFor(server))).toBeUndefined();
    expect(await pullModel(id, optionsFor(server))).toEqual(model);
    expect(await readFile(join(model.directory, "model.safetensors"))).toEqual(weights);
    await writeFile(join(model.directory, "millrace-model.json"), "{");
    expect(await listModels(optionsFor(server))).toEqual([]);
  });

  test.each(["../x", "a/../../x", "/etc/x", "C:\\x", "a\\..\\x", "a//x"])(
    "a listing with %s is refused",
    async (name) => {
      const server = await serve({ listed: [name] });
      await expect(pullModel(id, optionsFor(server))).rejects.toMatchObject({ code: "E_MODEL_INVALID" });
      expect(server.requests).toHaveLength(1);
    },
  );

  test("an exported graph is brought where there are no safetensors, with the weights beside it", async () => {
    const { "model.safetensors": _, ...others } = files;
    const exported = {
      "onnx/model.onnx_data": weights,
      "onnx/model_q4.onnx": Buffer.alloc(9),
      "model.onnx": Buffer.alloc(8),
    };
    const server = await serve({ files: { ...others, ...exported } });
    const model = await pullModel(id, optionsFor(server));
    expect(model.files.map(({ name }) => name)).toEqual([
      "1_Pooling/config.json",
      "config.json",
      "modules.json",
      "onnx/model.onnx",
      "onnx/model.onnx_data",
      "tokenizer.json",
    ]);
    expect(await readFile(join(model.directory, "onnx/model.onnx_data"))).toEqual(weights);
    expect(await pullModel(model.directory, optionsFor(server))).toMatchObject({ files: model.files });
  });

  test("a GGUF file is a model by itself; of several, which differ in precision, none is taken", async () => {
    const one = { "tiny-q4_1.gguf": weights, "other.bin": Buffer.alloc(9) };
    const single = await serve({ files: one });
    const { files: brought } = await pullModel(id, optionsFor(single));
    expect(brought.map(({ name }) => name)).toEqual(["tiny-q4_1.gguf"]);
    await rm(modelsDirectory, { recursive: true });
    const several = await serve({ files: { ...one, "tiny-q8_0.gguf": weights } });
    await expect(pullModel(id, optionsFor(several))).rejects.toMatchObject({ code: "E_MODEL_INVALID" });
    const beside = await serve({ files: { ...files, ...one, "chat_template.jinja": Buffer.from("{{ messages }}") } });
    const { files: whole } = await pullModel(id, optionsFor(beside));
    expect(whole.map(({ name }) => name)).not.toContain("tiny-q4_1.gguf");
    expect(whole.map(({ name }) => name)).toContain("chat_template.jinja");
  });

  test("a model without safetensors is refused before anything is fetched", async () => {
    const server = await serve({
      files: { "config.json": files["config.json"], "pytorch_model.bin": Buffer.alloc(1) },
    });
    await expect(pullModel(id, optionsFor(server))).rejects.toThrow(/E_MODEL|safetensors/);
    expect(server.requests).toHaveLength(1);
  });

  test("errors say what to do: unknown model, unknown revision, gated model, not a hub", async () => {
    const server = await serve();
    const missing = { code: "E_MODEL_MISSING" };
    await expect(pullModel("makers/other", optionsFor(server))).rejects.toMatchObject({
      ...missing,
      why: expect.stringContaining("401"),
      fix: expect.stringContaining("Check the model's name"),
    });
    await expect(pullModel(`${id}@v9`, optionsFor(server))).rejects.toMatchObject({
      ...missing,
      fix: expect.stringContaining("revision"),
    });
    const headers = { "x-error-code": "GatedRepo" };
    const gated = await serve({ faults: [{ on: "model.safetensors", kind: "status", status: 403, headers }] });
    await expect(pullModel(id, optionsFor(gated))).rejects.toMatchObject({
      ...missing,
      fix: expect.stringContaining("HF_TOKEN"),
    });
    const portal = await serve({ faults: [{ on: "/main", kind: "redirect", to: "/config.json" }] });
    await expect(pullModel(id, optionsFor(portal))).rejects.toMatchObject({
      ...missing,
      why: expect.stringContaining("does not answer as a model hub"),
    });
  });

  test("an aborted pull ends at once with the reason of the abort", async () => {
    const server = await serve({ faults: [{ on: "model.safetensors", kind: "stall", after: 10, isPermanent: true }] });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("stopped by the user")), 100);
    const limits = { idleTimeoutMs: 60_000 };
    await expect(pullModel(id, optionsFor(server, { signal: controller.signal, limits }))).rejects.toThrow(
      "stopped by the user",
    );
  });
});
