import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "@jest/globals";
import { Runtime } from "@millrace/native";
import { createMetrics, diagnose, watchGpus } from "@millrace/workers";
import { temporaryFolder } from "../support/command-line.ts";
import { describeNative } from "./support.ts";

const source = join(import.meta.dirname, "fake-nvml.c");
let folder: string;

/** Builds a management library. False where there is no C compiler, which is said. */
async function compile(): Promise<boolean> {
  const args = ["-shared", "-fPIC", "-o", join(folder, "libnvidia-ml.so.1"), source];
  const problem = await promisify(execFile)("cc", args).catch((error: NodeJS.ErrnoException) => error);
  if (!(problem instanceof Error)) return true;
  if (problem.code !== "ENOENT") throw problem;
  process.stderr.write("skipped: no C compiler, so no management library to read GPUs from\n");
  return false;
}

const h100 = {
  index: 0,
  name: "NVIDIA H100 80GB HBM3",
  uuid: "GPU-6f0f5b3c",
  utilization: 87,
  memoryUsed: 42_949_672_960,
  memoryTotal: 85_520_809_984,
  power: 412.5,
  clock: 1980,
  temperature: 61,
};

describeNative("telemetry", () => {
  beforeAll(async () => {
    folder = await temporaryFolder();
  });

  test("tells what the management library tells, and leaves out what it does not", async () => {
    if (!(await compile())) return;
    const library = join(folder, "libnvidia-ml.so.1");
    const telemetry = await Runtime.telemetry({ library });
    expect(telemetry).toEqual({ gpus: [h100, { index: 1, name: "GRID" }] });
    expect(await Promise.all([1, 2, 3].map(() => Runtime.telemetry({ library })))).toEqual(Array(3).fill(telemetry));
    const metrics = await createMetrics();
    watchGpus(metrics, { cacheDirectory: folder, folders: [folder], python: "python3" });
    expect((await metrics.text()).split("\n").filter((line) => line.startsWith("millrace_gpu"))).toEqual([
      'millrace_gpu_memory_bytes{device="cuda:0",kind="used"} 42949672960',
      'millrace_gpu_memory_bytes{device="cuda:0",kind="total"} 85520809984',
      'millrace_gpu_utilization_ratio{device="cuda:0"} 0.87',
      'millrace_gpu_power_watts{device="cuda:0"} 412.5',
    ]);
    const modelStore = {
      modelsDirectory: folder,
      hubEndpoint: "http://127.0.0.1:9",
      python: "python3",
      isOffline: true,
    };
    const gpu = { cacheDirectory: folder, folders: [folder], python: "python3" };
    const findings = await diagnose({
      version: "0.1.0",
      servers: [],
      folders: [folder],
      model: "org/name",
      modelStore,
      gpu,
    });
    expect(findings.find(({ name }) => name === "gpu: devices")).toEqual({
      name: "gpu: devices",
      status: "ok",
      detail: "0 NVIDIA H100 80GB HBM3 (GPU-6f0f5b3c), 87 % busy, 42.9 of 85.5 GB, 412.5 W, 1980 MHz, 61 °C; 1 GRID",
    });
  });

  test("says why there is none", async () => {
    const library = join(folder, "missing.so");
    expect(await Runtime.telemetry({ library })).toEqual({ gpus: [], why: expect.stringContaining("missing.so") });
    expect(await Runtime.telemetry({ library: source })).toEqual({
      gpus: [],
      why: expect.stringMatching(/ELF|invalid/),
    });
  });
});
