import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { CompiledModel } from "@millrace/compiler";
import {
  createEncoderPool,
  diagnose,
  type Finding,
  prepareDevice,
  type ReadyDevice,
  requireNode22,
} from "@millrace/workers";
import { temporaryFolder } from "../../support/command-line.ts";
import { allLibraries, type GpuPlaces, makeGpuPlaces } from "../../support/gpu-places.ts";
import { childrenWith } from "../../support/processes.ts";
import { compileTiny } from "../../support/tiny-encoder.ts";

const cuda = { kind: "cuda", gpus: [0, 1] } as const;

describe("a GPU", () => {
  let places: GpuPlaces;
  beforeEach(async () => {
    places = await makeGpuPlaces();
  });
  afterEach(() => rm(places.folder, { recursive: true, force: true }));

  const refusal = (why: RegExp, message: RegExp) => ({
    code: "E_DEVICE",
    what: "cuda:0,1 cannot be used here",
    why: expect.stringMatching(why),
    message: expect.stringMatching(message),
  });

  test("without the provider is refused, and the processor needs nothing", async () => {
    await places.addLibraries(allLibraries);
    await expect(prepareDevice(cuda, places.search)).rejects.toMatchObject(
      refusal(/1\.30\.0's CUDA provider is not installed/, /millrace gpu install.*millrace doctor --gpu/),
    );
    expect(await prepareDevice({ kind: "cpu" }, places.search)).toEqual({ kind: "cpu" });
  });

  test("without a driver is refused as no CUDA device", async () => {
    await places.install();
    await places.addLibraries(allLibraries.filter((name) => name !== "libcuda.so.1"));
    await expect(prepareDevice(cuda, places.search)).rejects.toMatchObject(
      refusal(/no CUDA device: libcuda\.so\.1/, /Install the NVIDIA driver/),
    );
  });

  test.each(allLibraries.slice(1, 5))("without %s is refused by its name", async (missing) => {
    await places.install();
    await places.addLibraries(allLibraries.filter((name) => name !== missing));
    await expect(prepareDevice(cuda, places.search)).rejects.toMatchObject(
      refusal(new RegExp(`^${missing} is missing$`), /pip install nvidia-/),
    );
  });

  test("with the CUDA version before is refused, and told so", async () => {
    await places.install();
    const older = allLibraries.map((name) => name.replace(/so\.13$/, "so.12"));
    await places.addLibraries(older);
    await expect(prepareDevice(cuda, places.search)).rejects.toMatchObject(
      refusal(/libcudart\.so\.13 is missing; .*libcudart\.so\.12 is of another CUDA version/, /nvidia-cuda-runtime/),
    );
  });

  test("with all that is needed is ready, in the order in which one library needs another", async () => {
    await places.install();
    const needed = allLibraries.slice(0, 5);
    await places.addLibraries(needed);
    const ready = await prepareDevice(cuda, places.search);
    expect(ready).toEqual({
      ...cuda,
      runtime: join(places.search.cacheDirectory, "gpu/onnxruntime-1.30.0"),
      libraries: needed.map((name) => join(places.folder, "libraries", name)),
    });
  });
});

describe("a host on a GPU", () => {
  let places: GpuPlaces;
  let model: CompiledModel;
  beforeEach(async () => {
    places = await makeGpuPlaces();
    model = await compileTiny(await temporaryFolder());
  });
  afterEach(() => rm(places.folder, { recursive: true, force: true }));

  const start = async (device: ReadyDevice) => {
    const pool = await createEncoderPool({ model, device });
    await pool.close();
  };

  test("says in the loader's words what is wrong with a library, and never runs on the processor instead", async () => {
    await places.install();
    await places.addLibraries(allLibraries);
    const device = await prepareDevice({ kind: "cuda", gpus: [0] }, places.search);
    await expect(start(device)).rejects.toMatchObject({
      code: "E_DEVICE",
      why: expect.stringMatching(/libcuda\.so\.1: (file too short|invalid ELF header)/),
    });
    expect(childrenWith("encoder-host")).toEqual([]);
  });

  test("is refused where the provider itself cannot be loaded", async () => {
    // Without a core of its own the copy has npm's, which then looks for the provider.
    await rm(join(places.provider, "libonnxruntime.so.1.30.0"));
    await places.install();
    const runtime = join(places.search.cacheDirectory, "gpu/onnxruntime-1.30.0");
    await expect(start({ kind: "cuda", gpus: [3], runtime, libraries: [] })).rejects.toMatchObject({
      code: "E_DEVICE",
      what: "cuda:3 cannot be used here",
      message: expect.stringMatching(/Failed to load shared library.*millrace doctor --gpu/),
    });
  });

  test("needs Node 22", () => {
    expect(() => requireNode22("22.23.3")).not.toThrow();
    expect(() => requireNode22("24.1.0")).toThrow(/Node 22 only: this is Node 24\.1\.0/);
  });
});

describe("doctor --gpu", () => {
  const examine = async ({ search, folder }: GpuPlaces): Promise<ReadonlyMap<string, Finding>> => {
    const modelStore = {
      modelsDirectory: folder,
      hubEndpoint: "http://127.0.0.1:9",
      python: "python3",
      isOffline: true,
    };
    const findings = await diagnose({
      version: "0.1.0",
      servers: [],
      folders: [folder],
      model: "a/b",
      modelStore,
      gpu: search,
    });
    const ofGpu = findings.filter(({ name }) => name.startsWith("gpu: "));
    for (const { status, fix, detail } of ofGpu) {
      expect(detail).not.toMatch(/^$|\n/);
      expect(fix === undefined).toBe(status === "ok");
    }
    return new Map(ofGpu.map((finding) => [finding.name.slice(5), finding]));
  };

  test("names each library that is missing, fails for those that are needed, and tries no session", async () => {
    const places = await makeGpuPlaces();
    const findings = await examine(places);
    await rm(places.folder, { recursive: true });
    const failed = [...findings.values()].filter(({ status }) => status === "fail").map(({ name }) => name.slice(5));
    expect(failed).toEqual([...allLibraries.slice(0, 5), "provider", "session"]);
    expect(findings.get("libcudnn.so.9")).toMatchObject({
      status: "warn",
      detail: expect.stringMatching(/do without/),
    });
    expect(findings.get("provider")?.fix).toBe("Install it: millrace gpu install");
    expect(findings.get("session")?.detail).toBe("not tried");
    expect(findings.get("node")?.status).toBe("ok");
  });

  test("loads what it finds, and tells a provider that is not the known file", async () => {
    const places = await makeGpuPlaces();
    await places.install();
    await places.addLibraries([...allLibraries.slice(0, 2), "libcublas.so.12"]);
    const findings = await examine(places);
    await rm(places.folder, { recursive: true });
    expect(findings.get("libcuda.so.1")).toMatchObject({
      status: "fail",
      detail: expect.stringMatching(/cannot be loaded: .*libcuda\.so\.1: (file too short|invalid ELF header)/),
    });
    expect(findings.get("libcublas.so.13")?.detail).toMatch(
      /not found; .*libcublas\.so\.12 is of another CUDA version/,
    );
    expect(findings.get("provider")).toMatchObject({
      status: "warn",
      detail: expect.stringMatching(/^1\.30\.0 \(MIT\) from .*not the file that this millrace knows$/),
    });
  });
});
