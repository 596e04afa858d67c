import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

/** Names, memory and driver of the GPUs; undefined where the driver's own program does not tell. */
export async function gpuFacts() {
  const query = ["--query-gpu=index,name,memory.total,driver_version,power.limit", "--format=csv,noheader"];
  const { stdout } = await promisify(execFile)("nvidia-smi", query).catch(() => ({ stdout: "" }));
  return stdout === "" ? undefined : stdout.trim().split("\n");
}

/**
 * Samples how busy a GPU is and what memory is taken, five times a second. Returns a function that ends the sampling.
 * @param {number} gpu
 */
export function sampleGpu(gpu) {
  const query = [
    "--query-gpu=utilization.gpu,memory.used",
    "--format=csv,noheader,nounits",
    "-lms",
    "200",
    "-i",
    String(gpu),
  ];
  const child = spawn("nvidia-smi", query, { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  const ended = new Promise((resolve) => {
    child.on("error", resolve);
    child.on("close", resolve);
  });
  return async () => {
    child.kill();
    await ended;
    const samples = text
      .split("\n")
      .filter((line) => line.includes(","))
      .map((line) => line.split(",").map(Number));
    const busy = samples.map(([percent = Number.NaN]) => percent).filter(Number.isFinite);
    if (busy.length === 0) return undefined;
    const memory = samples.map(([, megabytes = 0]) => megabytes);
    return {
      busyPercent: Math.round(busy.reduce((sum, percent) => sum + percent, 0) / busy.length),
      memoryMegabytes: Math.max(...memory),
    };
  };
}
