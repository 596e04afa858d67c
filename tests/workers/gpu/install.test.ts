import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { findGpuRuntime, installProvider } from "@millrace/workers";
import { type GpuPlaces, makeGpuPlaces, providerFiles, version } from "../../support/gpu-places.ts";
import { zip } from "../../support/zip.ts";

describe("gpu install", () => {
  let places: GpuPlaces;
  let cache: string;
  beforeEach(async () => {
    places = await makeGpuPlaces();
    cache = places.search.cacheDirectory;
  });
  afterEach(() => rm(places.folder, { recursive: true, force: true }));

  async function makeWheel(files: Readonly<Record<string, string>>, ofVersion = version): Promise<string> {
    const entries = Object.entries(files).map(([name, text]) => ({
      name: `onnxruntime/capi/${name}`,
      bytes: Buffer.from(text),
    }));
    const path = join(places.folder, `onnxruntime_gpu-${ofVersion}-cp312-cp312-manylinux_2_28_x86_64.whl`);
    await writeFile(path, zip([...entries, { name: "onnxruntime/other.py", bytes: Buffer.from("") }]));
    return path;
  }

  const binding = () => join(cache, `gpu/onnxruntime-${version}/node_modules/onnxruntime-node/bin/napi-v6/linux/x64`);
  const refusal = (message: RegExp) => ({ code: "E_DEVICE", message: expect.stringMatching(message) });

  test("from a wheel puts provider and core beside a copy of npm's binding", async () => {
    const lines = await places.install(
      await makeWheel({ ...providerFiles, "libonnxruntime_providers_tensorrt.so": "no" }),
    );
    expect(lines).toEqual([expect.stringMatching(/warning: libonnxruntime_providers_cuda\.so is not the file/)]);
    expect((await readdir(binding())).sort()).toEqual([
      "libonnxruntime.so.1",
      "libonnxruntime_providers_cuda.so",
      "libonnxruntime_providers_shared.so",
      "onnxruntime_binding.node",
    ]);
    expect(await readFile(join(binding(), "libonnxruntime.so.1"), "utf8")).toBe(`… VERS_${version} …`);
    const runtime = await findGpuRuntime(cache);
    expect(runtime?.record).toMatchObject({ version, license: "MIT", isPinned: false });
    expect(runtime?.record.files.map(({ bytes }) => bytes)).toEqual(
      Object.values(providerFiles).map((text) => Buffer.byteLength(text)),
    );
    expect(await readdir(join(cache, "gpu"))).toEqual([`onnxruntime-${version}`]);
  });

  test("from a folder, or what a wheel unpacks to, and again in place of the one before", async () => {
    await places.install();
    const unpacked = join(places.folder, "unpacked/onnxruntime/capi");
    await mkdir(unpacked, { recursive: true });
    for (const [name, text] of Object.entries(providerFiles)) await writeFile(join(unpacked, name), `${text} anew`);
    await places.install(join(places.folder, "unpacked"));
    expect(await readFile(join(binding(), "libonnxruntime_providers_cuda.so"), "utf8")).toBe("a provider anew");
    expect((await findGpuRuntime(cache))?.record.origin).toBe(unpacked);
    expect(await readdir(join(cache, "gpu"))).toEqual([`onnxruntime-${version}`]);
  });

  test("refuses another version, what is no provider, and what is not there, and leaves the one before", async () => {
    await places.install();
    const before = await findGpuRuntime(cache);
    const older = { ...providerFiles, [`libonnxruntime.so.${version}`]: "… VERS_1.22.0 …" };
    await expect(places.install(await makeWheel(older))).rejects.toMatchObject(
      refusal(/of ONNX Runtime 1\.22\.0, this/),
    );
    const { [`libonnxruntime.so.${version}`]: _, ...coreless } = providerFiles;
    await expect(places.install(await makeWheel(coreless, "1.22.1"))).rejects.toMatchObject(
      refusal(/Runtime 1\.22\.1/),
    );
    await expect(places.install(await makeWheel({}))).rejects.toMatchObject(
      refusal(/has no libonnxruntime_providers_cuda/),
    );
    await expect(places.install(join(places.folder, "nowhere"))).rejects.toMatchObject(refusal(/neither a folder nor/));
    const broken = await makeWheel(providerFiles);
    await writeFile(broken, (await readFile(broken)).subarray(0, 100));
    await expect(places.install(broken)).rejects.toMatchObject({
      code: "E_IO",
      what: expect.stringMatching(/unpacked/),
    });
    expect(await findGpuRuntime(cache)).toEqual(before);
    expect(await readdir(join(cache, "gpu"))).toEqual([`onnxruntime-${version}`]);
  });

  test("asks pip for one certain wheel and takes no other", async () => {
    await makeWheel(providerFiles);
    const python = join(places.folder, "python");
    const body = `echo "$@" > "${places.folder}/asked"; while [ "$1" != "-d" ]; do shift; done; cp "${places.folder}"/*.whl "$2"`;
    await writeFile(python, `#!/bin/sh\n${body}\n`);
    await chmod(python, 0o755);
    const lines: string[] = [];
    const options = { cacheDirectory: cache, python, report: (line: string) => void lines.push(line) };
    await expect(installProvider({ ...options, isOffline: true })).rejects.toMatchObject(refusal(/switched off/));
    await expect(installProvider({ ...options, isOffline: false })).rejects.toMatchObject(
      refusal(/has sha256 .*, pinned is/),
    );
    expect(lines).toEqual([expect.stringMatching(/onnxruntime-gpu 1\.30\.0 .*licence MIT/)]);
    const asked = await readFile(join(places.folder, "asked"), "utf8");
    expect(asked).toMatch(/--python-version 3\.12 --platform manylinux_2_28_x86_64 .*onnxruntime-gpu==1\.30\.0/);
    expect(await findGpuRuntime(cache)).toBeUndefined();
    expect(await readdir(join(cache, "gpu"))).toEqual([]);
  });
});
