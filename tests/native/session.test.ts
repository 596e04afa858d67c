import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "@jest/globals";
import { Runtime, Session, type Tensor } from "@millrace/native";
import { bits, describeNative, graph, graphs, sessions, slowInputs, tensor } from "./support.ts";

const { create, closeAll } = sessions();
afterEach(closeAll);

/** Numbers of every format, with values at the ends of their ranges. */
const samples: readonly Tensor[] = [
  tensor("float32", [2, 3], Float32Array.of(1.5, -0, Infinity, 3.4e38, 1e-45, 7)),
  tensor("float16", [2, 3], Uint16Array.of(0x3c00, 0x8000, 0x7c00, 0x7bff, 1, 0)),
  tensor("bfloat16", [2, 3], Uint16Array.of(0x3f80, 0x8000, 0x7f80, 0x7f7f, 1, 0)),
  tensor("float64", [2, 3], Float64Array.of(1.5, -0, Infinity, 1e308, 5e-324, 7)),
  tensor("int64", [2, 3], BigInt64Array.of(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 5n)),
  tensor("int32", [2, 3], Int32Array.of(0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 5)),
  tensor("int16", [2, 3], Int16Array.of(0, 1, -1, 32767, -32768, 5)),
  tensor("int8", [2, 3], Int8Array.of(0, 1, -1, 127, -128, 5)),
  tensor("uint64", [2, 3], BigUint64Array.of(0n, 1n, 2n, 2n ** 64n - 1n, 4n, 5n)),
  tensor("uint32", [2, 3], Uint32Array.of(0, 1, 2, 2 ** 32 - 1, 4, 5)),
  tensor("uint16", [2, 3], Uint16Array.of(0, 1, 2, 65535, 4, 5)),
  tensor("uint8", [2, 3], Uint8Array.of(0, 1, 2, 255, 4, 5)),
  tensor("bool", [2, 3], Uint8Array.of(0, 1, 0, 1, 1, 0)),
];
const byName = (tensors: readonly Tensor[]) => Object.fromEntries(tensors.map((each) => [each.type, each]));

describeNative("a session", () => {
  test("is over the library that onnxruntime-node brings", () => {
    expect(Runtime.open().description).toContain("git-commit-id=");
    expect(() => Runtime.open({ library: join(graphs, "slow.onnx") })).toThrow(/a process has one ONNX Runtime/);
    expect(() => Runtime.open({ library: join(graphs, "missing.so") })).toThrow(/missing\.so/);
  });

  test("takes every number format in and out", async () => {
    const session = await create(graph("formats"));
    const results = await session.run(byName(samples));
    expect(Object.keys(results)).toEqual(samples.map(({ type }) => `${type}_out`));
    for (const { type, dims, data } of samples) expect(results[`${type}_out`]).toEqual({ type, dims, data });
  });

  test("takes shared memory, views into larger arrays, and tensors without elements", async () => {
    const session = await create(graph("formats"));
    const shared = new Int32Array(new SharedArrayBuffer(24));
    shared.set([1, 2, 3, 4, 5, 6]);
    const view = new Float32Array([9, 9, 1, 2, 3, 4, 5, 6]).subarray(2);
    const given = {
      ...byName(samples),
      int32: tensor("int32", [2, 3], shared),
      float32: tensor("float32", [2, 3], view),
      int8: tensor("int8", [0, 7], new Int8Array(0)),
    };
    const { int32_out, float32_out, int8_out } = await session.run(given);
    expect(int32_out?.data).toEqual(Int32Array.of(1, 2, 3, 4, 5, 6));
    expect(float32_out?.data).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(int8_out).toEqual({ type: "int8", dims: [0, 7], data: new Int8Array(0) });
  });

  test("computes only the outputs that are asked for", async () => {
    const session = await create(graph("formats"));
    expect(session.inputNames).toEqual(samples.map(({ type }) => type));
    expect(Object.keys(await session.run(byName(samples), { outputs: ["bool_out"] }))).toEqual(["bool_out"]);
  });

  test("on many lanes gives what a lone run gives, bit for bit", async () => {
    const session = await create(graph("slow"), { lanes: 4 });
    const seeds = Array.from({ length: 60 }, (_, seed) => seed);
    const alone: string[] = [];
    for (const seed of seeds) alone.push(bits((await session.run(slowInputs(50 + seed, seed))).y));
    const together = await Promise.all(seeds.map((seed) => session.run(slowInputs(50 + seed, seed))));
    expect(together.map(({ y }) => bits(y))).toEqual(alone);
    expect(new Set(alone).size).toBe(seeds.length);
  });

  test("owns its inputs: a buffer that is changed or given away during the run is of no matter", async () => {
    const session = await create(graph("slow"));
    const expected = bits((await session.run(slowInputs(3_000))).y);
    const inputs = slowInputs(3_000);
    const { x, steps } = inputs as { x: Tensor; steps: Tensor };
    const run = session.run(inputs);
    (x.data as Float32Array).fill(0);
    structuredClone(steps.data, { transfer: [steps.data.buffer as ArrayBuffer] });
    expect(bits((await run).y)).toBe(expected);
    await expect(session.run(inputs)).rejects.toMatchObject({ code: "NATIVE_INVALID_ARGUMENT" });
  });

  test("leaves the event loop alone", async () => {
    const session = await create(graph("slow"), { lanes: 2 });
    const rounds: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      rounds.push(await delayOf(() => Promise.all(Array.from({ length: 4 }, () => session.run(slowInputs(6_000))))));
    }
    // The best round: other work on the machine delays timers too, but what blocks does so in each.
    expect(Math.min(...rounds)).toBeLessThan(20);
  });

  test("rejects what waits and ends what runs when it is closed, then is of no use", async () => {
    const session = await create(graph("slow"));
    const runs = Promise.allSettled(Array.from({ length: 5 }, () => session.run(slowInputs(1e7))));
    await delay(20);
    await session.close();
    for (const run of await runs) {
      expect(run).toMatchObject({ reason: { code: expect.stringMatching(/^NATIVE_(CLOSED|CANCELLED)$/) } });
    }
    await session.close();
    await expect(session.run(slowInputs(1))).rejects.toMatchObject({ code: "NATIVE_CLOSED" });
    expect(() => session.createBuffer("int8", [1])).toThrow("closed");
  });
});

describeNative("a model that cannot be used", () => {
  test("missing", async () => {
    const path = join(graphs, "missing.onnx");
    await expect(Session.create(path)).rejects.toMatchObject({ code: "ORT_NO_SUCHFILE" });
  });

  test("of an opset that does not exist", async () => {
    await expect(Session.create(join(graphs, "future.onnx"))).rejects.toThrow(/[Oo]pset/);
  });

  test.each([0, 1, 100, 5_000])("cut off after %d bytes", async (length) => {
    const bytes = graph("slow").subarray(0, length);
    await expect(Session.create(bytes)).rejects.toMatchObject({ code: expect.stringMatching(/^ORT_/) });
    const folder = await mkdtemp(join(tmpdir(), "millrace-native-"));
    await writeFile(join(folder, "cut.onnx"), bytes);
    await expect(Session.create(join(folder, "cut.onnx"))).rejects.toMatchObject({
      code: expect.stringMatching(/^ORT_/),
    });
  });

  test.each([
    { device: "tpu" },
    { device: "cuda:-1" },
    { lanes: 0 },
    { threads: 5_000 },
    { optimization: "most" },
    { cudaGraph: true },
    { memoryLimit: 1e9 },
    { attention: ["flash"] },
    { device: "cuda:0", attention: ["quick"] },
    { device: "cuda:0", arenaGrowth: "slowly" },
  ])("with %p", async (options) => {
    await expect(Session.create(graph("slow"), options as object)).rejects.toMatchObject({
      code: "NATIVE_INVALID_ARGUMENT",
    });
  });
});

async function delayOf(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await work();
  histogram.disable();
  return histogram.percentile(99) / 1e6 - 1;
}
