import { readFile } from "node:fs/promises";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { Runtime, Session } from "@millrace/native";

/**
 * `node exercise.mjs GRAPHS` does once each thing that the binding can do, for a checker of memory to watch.
 */
const folder = isMainThread ? process.argv[2] : workerData;
const graph = await readFile(`${folder}/slow.onnx`);
/** @param {bigint} steps @returns {{ [name: string]: import("@millrace/native").Tensor }} */
const inputs = (steps) => ({
  steps: { type: "int64", dims: [], data: BigInt64Array.of(steps) },
  x: { type: "float32", dims: [2, 48], data: new Float32Array(96).fill(1) },
});
const ignore = () => {};

async function runs() {
  const session = await Session.create(graph, { lanes: 2 });
  await Promise.all([1n, 2n, 3n, 4n].map((steps) => session.run(inputs(steps))));
  const controller = new AbortController();
  const cancelled = [1, 2, 3].map(() => session.run(inputs(100_000_000n), { signal: controller.signal }).catch(ignore));
  setTimeout(() => controller.abort(), 300);
  await Promise.all(cancelled);
  await session.run({ ...inputs(1n), x: { type: "float32", dims: [4, 24], data: new Float32Array(96) } }).catch(ignore);
  await session.run({}).catch(ignore);
  const left = session.run(inputs(100_000_000n)).catch(ignore);
  await session.close();
  await left;
}

async function buffers() {
  const session = await Session.create(graph);
  const arena = session.createBuffer("float32", [3, 2, 48]);
  const steps = session.createBuffer("int64", []);
  steps.write(BigInt64Array.of(2n));
  arena.write(new Float32Array(288).fill(0.5));
  const [first, second, third] = [0, 96, 192].map((offset) => arena.view(offset, [2, 48]));
  if (!first || !second || !third) throw new Error("no views");
  const binding = session.createBinding().bindInput("steps", steps).bindInput("x", first).bindOutput("y", second);
  await binding.run();
  await third.copy(second);
  await Promise.all([third.readAsync(90, 6), first.readAsync()]);
  third.read(5, 5);
  second.close();
  try {
    arena.view(280, [9]);
  } catch {
    arena.close();
  }
  await session.close();
}

async function failures() {
  await Session.create(graph.subarray(0, 100)).catch(ignore);
  await Session.create(`${folder}/missing.onnx`).catch(ignore);
  const weights = [{ name: "weights.bin", data: new Uint8Array(4_096) }];
  const session = await Session.create(graph, { weights });
  await session.close();
  await Runtime.telemetry({ library: "missing.so" });
}

if (isMainThread) {
  await runs();
  await buffers();
  await failures();
  const worker = new Worker(new URL(import.meta.url), { workerData: folder });
  setTimeout(() => worker.terminate(), 4_000);
  await new Promise((resolve) => worker.once("exit", resolve));
  process.stdout.write("done\n");
} else {
  const session = await Session.create(graph, { lanes: 2 });
  for (let run = 0; run < 3; run += 1) session.run(inputs(100_000_000n)).catch(ignore);
}
