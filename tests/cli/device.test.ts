import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { makeGpuPlaces } from "../support/gpu-places.ts";

describe("--device", () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await temporaryFolder();
    await writeFile(
      join(cwd, "a.md"),
      "# Bridges\n\nA bridge of stone over the river.\n\n# Tea\n\nGreen tea in a cup.\n",
    );
  });

  const index = (...more: readonly string[]) =>
    run(["index", "a.md", "--model", tinyModel, "--hosts", "1", "--json", ...more], { cwd });

  test("a GPU that is not here is refused before anything is read, and nothing runs on the processor", async () => {
    const { code, stderr, result } = await index("--device", "cuda:0", "--store", "gpu", "--work", "gpu-work");
    expect(code).toBe(4);
    expect(stderr).toMatch(
      /^error E_DEVICE: cuda:0 cannot be used here: .* Install it: millrace gpu install\. .*doctor --gpu\.$/m,
    );
    expect(result).toMatchObject({ ok: false, error: { code: "E_DEVICE" } });
    expect(stderr).not.toMatch(/encoded/);
  });

  test.each([
    ["cuda:0,0", /the device cuda:0,0 is not known/],
    ["gpu", /it must be cpu, cuda, cuda:0/],
    ["cuda:x", /it must be cpu, cuda, cuda:0/],
  ])("%s is refused", async (device, message) => {
    const { code, stderr } = await index("--device", device, "--store", "x", "--work", "x-work");
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test("a GPU takes no other precision than fp16", async () => {
    const { code, stderr } = await index("--device", "cuda", "--precision", "fp32", "--store", "x", "--work", "x-work");
    expect([code, stderr]).toEqual([2, expect.stringMatching(/cuda computes in fp16 only: the precision is fp32/)]);
  });

  test("a store that was filled in fp16 is searched, verified and brought up to date on a processor", async () => {
    const places = ["--store", "half", "--work", "half-work"] as const;
    const first = await index(...places, "--precision", "fp16");
    const facts = { device: "cpu", provider: "CPUExecutionProvider" };
    expect(first.result).toMatchObject({ ok: true, ...facts, precision: "fp16" });
    const found = await run(["search", "stone bridge", "--store", "half", "--json"], { cwd });
    expect(found.result).toMatchObject({ ok: true, ...facts });
    const verified = await run(["verify", "--work", "half-work", "--store", "half", "--json"], { cwd });
    expect(verified.result).toMatchObject({ ok: true, ...facts });
    expect(Number(verified.result.worstCosine)).toBeGreaterThan(0.9999);
    const other = await index(...places);
    expect(other.result).toMatchObject({ ok: false, error: { code: "E_STORE_FINGERPRINT" } });
    const files = await readdir(join(cwd, "half-work"), { recursive: true });
    const head = JSON.parse(
      await readFile(join(cwd, "half-work", String(files.find((path) => path.endsWith("manifest/head.json")))), "utf8"),
    );
    expect(head.engines).toEqual([facts]);
  });

  test("inspect says what the model would run on", async () => {
    const inspect = (...more: readonly string[]) => run(["models", "inspect", tinyModel, ...more], { cwd });
    expect((await inspect()).stdout).toMatch(/precision +fp32\nruns on +cpu, CPUExecutionProvider\n/);
    const { stdout } = await inspect("--device", "cuda:1");
    expect(stdout).toMatch(/precision +fp16, cosine to fp32 1\.0000.*\nruns on +cuda:1, CUDAExecutionProvider\n/);
    expect(stdout).toMatch(/queue +millrace-encode-[0-9a-f]{16}-fp16-cuda\n/);
    expect(stdout).toMatch(/com\.microsoft\.Attention/);
  });

  test("the provider is installed from a folder, and doctor --gpu then finds it and what else is missing", async () => {
    const { folder, provider } = await makeGpuPlaces();
    const environment = { MILLRACE_CACHE: join(folder, "own-cache") };
    const options = { cwd, environment };
    const installed = await run(["gpu", "install", "--from", provider, "--json"], options);
    expect(installed.result).toMatchObject({ ok: true, version: "1.30.0", license: "MIT", isPinned: false });
    // As in the image for GPUs: the cache is a volume, and the provider lies outside of it.
    const volume = join(folder, "volume");
    await mkdir(volume);
    await symlink(join(folder, "own-cache", "gpu"), join(volume, "gpu"));
    const fromVolume = { cwd, environment: { MILLRACE_CACHE: volume } };
    const examined = await run(["doctor", "--gpu", "--model", tinyModel], fromVolume);
    expect(examined.stdout).toMatch(/^warn {2}gpu: provider +1\.30\.0 \(MIT\) from .* — /m);
    const lines = examined.stdout.split("\n").filter((line) => line.includes("gpu: lib"));
    expect(lines.length).toBe(8);
    for (const line of lines) expect(line).toMatch(/^(ok|warn|fail) +gpu: lib\S+ +\S/);
    const plain = await run(["doctor", "--model", tinyModel], options);
    expect(plain.stdout).not.toContain("gpu:");
    await rm(folder, { recursive: true });
  });
});
