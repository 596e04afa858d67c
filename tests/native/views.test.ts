import { afterEach, expect, test } from "@jest/globals";
import type { DeviceBuffer, Session, Tensor } from "@millrace/native";
import { attentionInputs, attentionShape, bits, describeNative, graph, sessions, tensor } from "./support.ts";

const { create, closeAll } = sessions();
afterEach(closeAll);

const { heads, kvHeads, width } = attentionShape;
const [slots, capacity] = [4, 32];
const slotLength = kvHeads * capacity * width;

interface Cache {
  readonly key: DeviceBuffer;
  readonly value: DeviceBuffer;
}

/** Keys and values of so many rows in memory of their own. */
function cacheOf(session: Session, rows: number): Cache {
  const dims = [rows, kvHeads, capacity, width];
  return { key: session.createBuffer("float32", dims), value: session.createBuffer("float32", dims) };
}

/** Rows `first` to `first + rows` of a cache, in its memory. */
function rowsOf({ key, value }: Cache, first: number, rows: number): Cache {
  const view = (of: DeviceBuffer) => of.view(first * slotLength, [rows, kvHeads, capacity, width]);
  return { key: view(key), value: view(value) };
}

/** One step of attention over a cache, in place. */
async function step(session: Session, cache: Cache, inputs: Readonly<Record<string, Tensor>>): Promise<string> {
  const binding = session.createBinding();
  for (const [name, { type, dims, data }] of Object.entries(inputs)) {
    const buffer = session.createBuffer(type, dims);
    buffer.write(data as Float32Array);
    binding.bindInput(name, buffer);
  }
  const output = session.createBuffer("float32", inputs.query?.dims as number[]);
  binding.bindInput("past_key", cache.key).bindOutput("present_key", cache.key);
  binding.bindInput("past_value", cache.value).bindOutput("present_value", cache.value);
  await binding.bindOutput("output", output).run();
  return bits(tensor("float32", output.dims, output.read() as Float32Array));
}

const numbersOf = ({ key, value }: Cache) => [key, value].map((buffer) => buffer.read());

describeNative("views of one memory", () => {
  test("are attended over as buffers of their own are, bit for bit", async () => {
    const session = await create(graph("attention"));
    const arena = cacheOf(session, slots);
    const [apart, alone] = [cacheOf(session, 3), cacheOf(session, 1)];
    const [first, second] = [rowsOf(arena, 0, 3), rowsOf(rowsOf(arena, 1, 3), 2, 1)];
    for (let at = 0; at < 8; at += 1) {
      const [three, one] = [attentionInputs(3, at), attentionInputs(1, at, 100 + at)];
      const outputs = await Promise.all([step(session, first, three), step(session, second, one)]);
      expect(outputs).toEqual([await step(session, apart, three), await step(session, alone, one)]);
    }
    expect(numbersOf(first)).toEqual(numbersOf(apart));
    expect(numbersOf(second)).toEqual(numbersOf(alone));
    expect(arena.key.read(3 * slotLength)).toEqual(alone.key.read());
    expect(second.key.address - arena.key.address).toBe(BigInt(3 * slotLength * 4));
    expect(heads).toBeGreaterThan(kvHeads);
  });

  test("a row that is copied to another slot goes on as it would have", async () => {
    const session = await create(graph("attention"));
    const arena = cacheOf(session, slots);
    for (let at = 0; at < 4; at += 1) await step(session, rowsOf(arena, 2, 1), attentionInputs(1, at));
    const move = (of: DeviceBuffer) => of.copy(of, { sourceOffset: 2 * slotLength, offset: 0, length: slotLength });
    await Promise.all([move(arena.key), move(arena.value)]);
    const next = attentionInputs(1, 4);
    const moved = await step(session, rowsOf(arena, 0, 1), next);
    expect(moved).toBe(await step(session, rowsOf(arena, 2, 1), next));
    expect(arena.key.read(slotLength, slotLength).every((number) => number === 0)).toBe(true);
  });

  test("are in use where, and only where, a run uses the same memory", async () => {
    const session = await create(graph("slow"), { lanes: 2 });
    const arena = session.createBuffer("float32", [4, 2, 48]);
    const slot = (index: number) => arena.view(index * 96, [2, 48]);
    const steps = session.createBuffer("int64", []);
    steps.write(BigInt64Array.of(1_000_000_000n));
    const controller = new AbortController();
    const binding = session.createBinding().bindInput("steps", steps).bindInput("x", slot(1)).bindOutput("y", slot(2));
    const run = binding.run({ signal: controller.signal });
    const busy = expect.objectContaining({ code: "NATIVE_BUSY" });
    const overlapping: [DeviceBuffer, number][] = [
      [arena, 96],
      [slot(1), 0],
      [slot(2), 95],
      [arena.view(0, [97]), 96],
    ];
    for (const [used, at] of overlapping) {
      for (const use of [
        () => used.read(),
        () => used.write(new Float32Array(97).subarray(0, used.length)),
        () => used.close(),
      ]) {
        expect(use).toThrow(busy);
      }
      await expect(used.readAsync()).rejects.toEqual(busy);
      await expect(used.copy(slot(3), { offset: at, length: 1 })).rejects.toEqual(busy);
      await expect(slot(3).copy(used, { sourceOffset: at, length: 1 })).rejects.toEqual(busy);
    }
    slot(3).write(new Float32Array(96).fill(7));
    await slot(0).copy(slot(3));
    expect(await slot(0).readAsync(90)).toEqual(new Float32Array(6).fill(7));
    slot(0).close();
    controller.abort("enough");
    await expect(run).rejects.toBe("enough");
    expect(arena.read(0, 1)).toEqual(Float32Array.of(7));
  });

  test("end with the memory, and end nothing else", async () => {
    const session = await create(graph("formats"));
    const buffer = session.createBuffer("int16", [6]);
    const [view, other] = [buffer.view(2, [2, 2]), buffer.view(6, [0])];
    expect(other.read()).toEqual(new Int16Array(0));
    view.write(Int16Array.of(1, 2), 1);
    view.close();
    expect(() => view.read()).toThrow("closed");
    expect(() => view.view(0, [1])).toThrow("closed");
    expect(buffer.read()).toEqual(Int16Array.of(0, 0, 0, 1, 2, 0));
    const invalid = expect.objectContaining({ code: "NATIVE_INVALID_ARGUMENT" });
    for (const [offset, dims] of [
      [3, [4]],
      [7, [0]],
      [-1, [1]],
      [0.5, [1]],
      [0, [2 ** 53]],
      [0, [-1]],
    ] as const) {
      expect(() => buffer.view(offset, dims)).toThrow(invalid);
    }
    const longs = session.createBuffer("int64", [6]);
    await expect(longs.copy(buffer as never)).rejects.toEqual(invalid);
    await expect(buffer.copy(buffer, { offset: 1, length: 6 })).rejects.toEqual(invalid);
    await expect(buffer.copy(buffer, { offset: 1, length: 2 })).rejects.toMatchObject({ code: "NATIVE_BUSY" });
    const apart = { sourceOffset: 3, offset: 0, length: 2 };
    const twice = buffer.copy(buffer, [apart, { sourceOffset: 3, offset: 5, length: 1 }]);
    await expect(twice).rejects.toMatchObject({ code: "NATIVE_BUSY" });
    expect(buffer.read()).toEqual(Int16Array.of(0, 0, 0, 1, 2, 0));
    await buffer.copy(buffer, [apart, { sourceOffset: 5, offset: 2, length: 1 }]);
    expect(buffer.read()).toEqual(Int16Array.of(1, 2, 0, 1, 2, 0));
    const rest = buffer.view(0, [6]);
    buffer.close();
    expect(() => rest.read()).toThrow("closed");
    const kept = longs.view(0, [1]);
    await session.close();
    await expect(kept.readAsync()).rejects.toThrow("closed");
  });

  test("of another session may be bound, and outlive it until the run ends", async () => {
    const [owner, other] = [await create(graph("slow")), await create(graph("slow"))];
    const [steps, x, y] = [
      owner.createBuffer("int64", [1]).view(0, []),
      owner.createBuffer("float32", [2, 48]),
      other.createBuffer("float32", [2, 48]),
    ];
    steps.write(BigInt64Array.of(9_000n));
    x.write(new Float32Array(96).fill(0.5));
    const run = other.createBinding().bindInput("steps", steps).bindInput("x", x).bindOutput("y", y).run();
    await owner.close();
    expect(() => x.read()).toThrow("closed");
    await run;
    const given = {
      steps: tensor("int64", [], BigInt64Array.of(9_000n)),
      x: tensor("float32", [2, 48], new Float32Array(96).fill(0.5)),
    };
    expect(y.read()).toEqual((await other.run(given)).y?.data);
  });
});
