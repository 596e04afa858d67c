import { afterEach, expect, test } from "@jest/globals";
import type { DeviceBuffer, Session, Tensor } from "@millrace/native";
import {
  attentionInputs,
  attentionShape,
  bits,
  describeNative,
  graph,
  sessions,
  slowInputs,
  tensor,
} from "./support.ts";

const { create, closeAll } = sessions();
afterEach(closeAll);

const batch = 2;
const { heads, kvHeads, width } = attentionShape;

/** Decodes as a plain binding must: the cache goes in and comes out longer. */
async function growing(session: Session, steps: number): Promise<readonly string[]> {
  const empty = tensor("float32", [batch, kvHeads, 0, width], new Float32Array(0));
  let past: Record<string, Tensor> = { past_key: empty, past_value: empty };
  const outputs: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    const results = await session.run({ ...attentionInputs(batch, step), ...past });
    past = { past_key: results.present_key as Tensor, past_value: results.present_value as Tensor };
    outputs.push(bits(results.output));
  }
  return outputs;
}

/** Decodes in place: one buffer is past and present. */
async function inPlace(session: Session, steps: number, capacity: number) {
  const buffers = new Map<string, DeviceBuffer>();
  const binding = session.createBinding();
  for (const [name, { type, dims }] of Object.entries(attentionInputs(batch, 0))) {
    const buffer = session.createBuffer(type, dims);
    buffers.set(name, buffer);
    binding.bindInput(name, buffer);
  }
  for (const name of ["key", "value"]) {
    const cache = session.createBuffer("float32", [batch, kvHeads, capacity, width]);
    buffers.set(`cache_${name}`, cache);
    binding.bindInput(`past_${name}`, cache).bindOutput(`present_${name}`, cache);
  }
  const output = session.createBuffer("float32", [batch, 1, heads * width]);
  binding.bindOutput("output", output);
  const addresses = new Set<bigint>();
  const outputs: string[] = [];
  const milliseconds: number[] = [];
  for (let step = 0; step < steps; step += 1) {
    for (const [name, { data }] of Object.entries(attentionInputs(batch, step))) {
      buffers.get(name)?.write(data as Float32Array);
    }
    const start = performance.now();
    await binding.run();
    milliseconds.push(performance.now() - start);
    outputs.push(bits(tensor("float32", output.dims, output.read() as Float32Array)));
    addresses.add(buffers.get("cache_key")?.address as bigint);
  }
  return { outputs, addresses, median: milliseconds.sort((a, b) => a - b)[steps >> 1] as number };
}

describeNative("a binding", () => {
  test("attends over a cache in place as over one that grows, bit for bit", async () => {
    const session = await create(graph("attention"));
    const { outputs, addresses } = await inPlace(session, 40, 64);
    expect(outputs).toEqual(await growing(session, 40));
    expect(new Set(outputs).size).toBe(40);
    expect(addresses.size).toBe(1);
  });

  test("takes the same time for a step however long the cache may become", async () => {
    const session = await create(graph("attention"));
    const rounds: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const short = await inPlace(session, 40, 64);
      const long = await inPlace(session, 40, 16_384);
      rounds.push(long.median / short.median);
    }
    // Copied, 64 MB would take some ten milliseconds a step; a step takes a tenth of one.
    expect(Math.min(...rounds)).toBeLessThan(3);
  });

  test("copies parts in and out", async () => {
    const session = await create(graph("formats"));
    const buffer = session.createBuffer("int16", [2, 4]);
    expect(buffer.byteLength).toBe(16);
    expect(buffer.read()).toEqual(new Int16Array(8));
    buffer.write(Int16Array.of(1, 2, 3), 4);
    expect(buffer.read()).toEqual(Int16Array.of(0, 0, 0, 0, 1, 2, 3, 0));
    expect(buffer.read(3, 2)).toEqual(Int16Array.of(0, 1));
    expect(() => buffer.write(Int16Array.of(1), 8)).toThrow(
      expect.objectContaining({ code: "NATIVE_INVALID_ARGUMENT" }),
    );
    expect(() => buffer.write(Int32Array.of(1) as never)).toThrow("int16 is held by Int16Array");
    expect(() => buffer.read(2 ** 53, 1)).toThrow(expect.objectContaining({ code: "NATIVE_INVALID_ARGUMENT" }));
    expect(() => buffer.read(0, -1)).toThrow();
    buffer.close();
    expect(() => buffer.read()).toThrow("closed");
    expect(() => session.createBuffer("float32", [1e15])).toThrow();
  });

  test("refuses other shapes, names that are not bound, and buffers in use", async () => {
    const session = await create(graph("slow"));
    const binding = session.createBinding();
    const steps = session.createBuffer("int64", []);
    const x = session.createBuffer("float32", [2, 48]);
    const y = session.createBuffer("float32", [2, 48]);
    steps.write(BigInt64Array.of(1_000_000_000n));
    binding.bindInput("steps", steps);
    await expect(binding.run()).rejects.toThrow('the input "x" is missing');
    binding.bindInput("x", x).bindOutput("y", y);
    const controller = new AbortController();
    const run = binding.run({ signal: controller.signal });
    for (const use of [() => x.read(), () => y.write(new Float32Array(1)), () => steps.close()]) {
      expect(use).toThrow(expect.objectContaining({ code: "NATIVE_BUSY" }));
    }
    controller.abort("enough");
    await expect(run).rejects.toBe("enough");
    steps.write(BigInt64Array.of(3n));
    await binding.run();
    const small = session.createBuffer("float32", [1, 48]);
    await expect(binding.bindOutput("y", small).run()).rejects.toMatchObject({ code: expect.stringMatching(/^ORT_/) });
    await expect(binding.bindOutput("z", small).run()).rejects.toMatchObject({ code: expect.stringMatching(/^ORT_/) });
  });

  test("gives what a run with copies gives", async () => {
    const session = await create(graph("slow"));
    const inputs = slowInputs(9);
    const y = session.createBuffer("float32", [2, 48]);
    const binding = session.createBinding().bindOutput("y", y);
    for (const [name, { type, dims, data }] of Object.entries(inputs)) {
      const buffer = session.createBuffer(type, dims);
      buffer.write(data as Float32Array);
      binding.bindInput(name, buffer);
    }
    await binding.run();
    const expected = (await session.run(inputs)).y;
    expect(y.read()).toEqual(expected?.data);
    await session.close();
    expect(() => y.read()).toThrow("closed");
  });
});
