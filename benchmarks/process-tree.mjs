import { readdir, readFile } from "node:fs/promises";

/**
 * Samples what a process and all its children hold in memory, shared pages counted once (PSS, from /proc). Returns a
 * function that ends the sampling and gives the peak of the sum in bytes; undefined where there is no /proc.
 * @param {number} pid
 * @param {number} [milliseconds] Between two samples.
 */
export function sampleMemory(pid, milliseconds = 500) {
  let peak = 0;
  let isStopped = false;
  const sampling = (async () => {
    while (!isStopped) {
      const sizes = await Promise.all((await processTree(pid)).map(proportionalBytes));
      peak = Math.max(
        peak,
        sizes.reduce((sum, size) => sum + size, 0),
      );
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    }
  })();
  return async () => {
    isStopped = true;
    await sampling;
    return peak === 0 ? undefined : peak;
  };
}

/** @param {number} root @returns {Promise<number[]>} */
async function processTree(root) {
  const parents = new Map();
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const isBelow = (/** @type {number} */ pid) => {
    for (let at = pid; at > 0; at = parents.get(at) ?? 0) if (at === root) return true;
    return false;
  };
  return [...parents.keys()].filter(isBelow);
}

/**
 * Microseconds that a process and its living children have spent on processors, from /proc in hundredths of a second.
 * @param {number} root
 */
export async function processorTime(root) {
  const stats = await Promise.all(
    (await processTree(root)).map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")),
  );
  const ticks = stats.map((stat) => {
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13)
      .map(Number);
    return user + system;
  });
  return ticks.reduce((sum, count) => sum + count, 0) * 10_000;
}

/** @param {number} pid */
async function proportionalBytes(pid) {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
}
