import { afterEach, expect, test } from "@jest/globals";
import { type DeviceBuffer, Session, type Tensor, type TensorData, type TensorType } from "@millrace/native";
import fc from "fast-check";
import { bits, describeNative, graph, sessions, slowInputs, tensor } from "./support.ts";

const { create, closeAll } = sessions();
afterEach(closeAll);

/** What anything is that goes wrong: an error with a code, thrown or as a rejection. */
const coded = expect.objectContaining({
  code: expect.stringMatching(/^[A-Z][A-Za-z_]+$/),
  message: expect.any(String),
});

const arrays = {
  float32: Float32Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  bool: Uint8Array,
} as const;

/** A buffer, and an ordinary array that says what it should hold. Views of one are views of the other. */
class Twin {
  isOpen = true;
  constructor(
    readonly buffer: DeviceBuffer,
    readonly array: InstanceType<(typeof arrays)[keyof typeof arrays]>,
    /** Element of the memory that it begins at. */
    readonly offset: number,
  ) {}

  /** Whether so many elements may be touched from one on. */
  has(at: number, count: number): boolean {
    const areWhole = Number.isInteger(at) && Number.isInteger(count) && at >= 0 && count >= 0;
    return this.isOpen && areWhole && at + count <= this.array.length;
  }
}

interface Numbers {
  readonly at: number;
  readonly source: number;
  readonly count: number;
}

interface Deed {
  /** Whether it should succeed. */
  readonly isGood: boolean;
  readonly act: () => unknown;
  /** Does the same to the array, and gives the twin that came into being. */
  readonly check: (result: unknown) => Twin[] | undefined;
}

function reading(how: "read" | "readAsync") {
  return (one: Twin, _: Twin, { at, count }: Numbers): Deed => ({
    isGood: one.has(at, count),
    act: () => one.buffer[how](at, count),
    check: (result) => void expect(result).toEqual(one.array.slice(at, at + count)),
  });
}

const deeds = {
  read: reading("read"),
  readAsync: reading("readAsync"),
  write(one: Twin, _: Twin, { at, count }: Numbers): Deed {
    const length = Number.isInteger(count) && count >= 0 && count < 30 ? count : 1;
    const data = new (one.array.constructor as (typeof arrays)["int32"])(length);
    data.fill((one.array instanceof BigInt64Array ? 1n : 1) as never);
    return {
      isGood: one.has(at, length),
      act: () => one.buffer.write(data as never, at),
      check: () => void one.array.set(data as never, at),
    };
  },
  copy(one: Twin, two: Twin, { at, source, count }: Numbers): Deed {
    const [from, to] = [two.offset + source, one.offset + at];
    const isApart = count === 0 || from + count <= to || to + count <= from;
    return {
      isGood: one.has(at, count) && two.has(source, count) && isApart,
      act: () => one.buffer.copy(two.buffer, { sourceOffset: source, offset: at, length: count }),
      check: () => void one.array.set(two.array.slice(source, source + count) as never, at),
    };
  },
  view(one: Twin, _: Twin, { at, count }: Numbers): Deed {
    return {
      isGood: one.has(at, count),
      act: () => one.buffer.view(at, [count]),
      check: (view) => [new Twin(view as DeviceBuffer, one.array.subarray(at, at + count), one.offset + at)],
    };
  },
  close(one: Twin): Deed {
    // The owner's memory is everybody's: it is closed at the end.
    const isView = one.offset > 0;
    if (isView) one.isOpen = false;
    return { isGood: true, act: () => isView && one.buffer.close(), check: () => undefined };
  },
};

describeNative("whatever is given", () => {
  test("to a run, there is a result or an error with a code", async () => {
    const session = await create(graph("slow"), { lanes: 2 });
    const data = fc.oneof(
      fc.float32Array({ maxLength: 100 }),
      fc.int32Array({ maxLength: 10 }),
      fc.bigInt64Array({ maxLength: 3, min: 0n, max: 9n }),
      fc.uint8Array({ maxLength: 100 }),
      fc.constantFrom(null, undefined, 5, "x", {}, [1], new ArrayBuffer(8), new DataView(new ArrayBuffer(8))),
    );
    const dim = fc.oneof(
      fc.integer({ min: 0, max: 3 }),
      fc.constantFrom(48, -1, 0.5, Number.NaN, 2 ** 31, 2 ** 53, 1e300),
    );
    const dims = fc.oneof(fc.array(dim, { maxLength: 4 }), fc.constantFrom(null, 3, "2", [], [null], [2, 48]));
    const type = fc.constantFrom("float32", "int64", "int32", "bool", "float16", "string", "", "FLOAT", null, 1);
    const whatever = fc.oneof(
      { weight: 6, arbitrary: fc.record({ type, dims, data }) },
      { weight: 1, arbitrary: fc.constantFrom(null, undefined, 5, "x", [], {}) },
    );
    const name = fc.constantFrom("x", "steps", "y", "", "x\0", "constructor", "é", "w");
    const good = slowInputs(2);
    let results = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(name, whatever, { maxKeys: 2 }),
        fc.subarray(["x", "steps"]),
        async (bad, keep) => {
          const inputs = { ...bad, ...Object.fromEntries(keep.map((key) => [key, good[key]])) };
          const outcome = await session.run(inputs as Record<string, Tensor>).catch((error: unknown) => error);
          if (outcome instanceof Error || Object.hasOwn(outcome as object, "message")) {
            expect(outcome).toMatchObject({ code: expect.stringMatching(/^[A-Z][A-Za-z_]+$/) });
          } else {
            results += 1;
          }
        },
      ),
      { numRuns: 3_000 },
    );
    expect(results).toBeGreaterThan(10);
    expect((await session.run(good)).y?.dims).toEqual([2, 48]);
    await expect(session.run(good, { outputs: ["nothing"] })).rejects.toMatchObject({
      code: expect.stringMatching(/^ORT_/),
    });
    await expect(session.run({ ...good, x: tensor("float32", [4, 24], new Float32Array(96)) })).rejects.toThrow("x");
  }, 60_000);

  test("to a buffer, it holds what an array would hold, or there is an error with a code", async () => {
    const session = await create(graph("formats"));
    const number = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 24 }) },
      { weight: 1, arbitrary: fc.constantFrom(-1, 0.5, Number.NaN, 2 ** 31, 2 ** 32 + 1, 2 ** 53, 1e300, "1", null) },
    ) as fc.Arbitrary<number>;
    const what = fc.constantFrom(...(Object.keys(deeds) as (keyof typeof deeds)[]));
    const deed = fc.record({ what, on: fc.nat(7), from: fc.nat(7), at: number, source: number, count: number });
    const type = fc.constantFrom(...(Object.keys(arrays) as (keyof typeof arrays)[]));
    let done = 0;
    await fc.assert(
      fc.asyncProperty(type, fc.array(deed, { minLength: 10, maxLength: 40 }), async (type, all) => {
        const owner = new Twin(session.createBuffer(type, [2, 3, 4]), new arrays[type](24), 0);
        const twins = [owner];
        for (const { what, on, from, ...numbers } of all) {
          const [one, two] = [twins[on % twins.length] as Twin, twins[from % twins.length] as Twin];
          const { isGood, act, check } = deeds[what](one, two, numbers);
          const [outcome] = await Promise.allSettled([(async () => await act())()]);
          if (outcome.status === "rejected")
            expect({ isGood, reason: outcome.reason }).toEqual({ isGood: false, reason: coded });
          else {
            expect(isGood).toBe(true);
            twins.push(...(check(outcome.value) ?? []));
            done += 1;
          }
        }
        expect(owner.buffer.read()).toEqual(owner.array);
        owner.buffer.close();
        for (const { buffer } of twins) expect(() => buffer.read()).toThrow(coded);
      }),
      { numRuns: 400 },
    );
    expect(done).toBeGreaterThan(1_000);
  }, 60_000);

  test("to a binding, it runs or there is an error with a code, and the next run is right", async () => {
    const session = await create(graph("slow"));
    const expected = bits((await session.run(slowInputs(2))).y);
    const make = (type: TensorType, dims: readonly number[], data?: TensorData) => {
      const buffer = session.createBuffer(type, dims);
      if (data !== undefined) buffer.write(data as never);
      return buffer;
    };
    const good = slowInputs(2);
    const given = {
      steps: make("int64", [], good.steps?.data),
      x: make("float32", [2, 48], good.x?.data),
      y: make("float32", [2, 48]),
      flat: make("float32", [96]),
      words: make("int32", [2, 48]),
      empty: make("float32", [0, 48]),
      wide: make("float32", [4, 48]),
    };
    const place = fc.constantFrom(...(Object.keys(given) as (keyof typeof given)[]));
    const name = fc.constantFrom("steps", "x", "y", "", "é", "z\0", "constructor");
    const some = fc.dictionary(name, place, { maxKeys: 2 });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(some, some, async (inputs, outputs) => {
        const binding = session.createBinding();
        for (const [key, which] of Object.entries({ steps: "steps", x: "x", ...inputs }))
          binding.bindInput(key, given[which as keyof typeof given]);
        for (const [key, which] of Object.entries({ y: "y", ...outputs }))
          binding.bindOutput(key, given[which as keyof typeof given]);
        const outcome = await binding.run().catch((error: unknown) => ({ error }));
        if (outcome === undefined) runs += 1;
        else expect(outcome).toEqual({ error: coded });
        given.steps.write(BigInt64Array.of(2n));
        given.x.write(good.x?.data as never);
        const right = session.createBinding().bindInput("steps", given.steps).bindInput("x", given.x);
        await right.bindOutput("y", given.y).run();
        expect(bits(tensor("float32", [2, 48], given.y.read() as Float32Array))).toBe(expected);
      }),
      { numRuns: 400 },
    );
    expect(runs).toBeGreaterThan(10);
  }, 60_000);

  test("as a model, its options or its weights, there is a session or an error with a code", async () => {
    const model = graph("slow");
    const bytes = fc
      .tuple(fc.nat(model.length - 1), fc.nat(255), fc.nat(model.length))
      .map(([at, value, end]) =>
        Uint8Array.from(model, (byte, index) => (index === at ? value : byte)).subarray(0, end),
      );
    const options = fc.record(
      {
        device: fc.constantFrom("cpu", "cuda:x", "", "CPU", null, 0),
        lanes: fc.constantFrom(1, 1, 2, 3, 4, 0, -1, 1.5, Number.NaN, "2", 1e9),
        threads: fc.constantFrom(1, 2, 0, 2 ** 31, null),
        optimization: fc.constantFrom("basic", "all", "toString", "", 1),
        entries: fc.dictionary(fc.string({ maxLength: 9 }), fc.oneof(fc.string({ maxLength: 9 }), fc.constant(1))),
        weights: fc.array(fc.record({ name: fc.string({ maxLength: 5 }), data: fc.uint8Array({ maxLength: 9 }) })),
      },
      { requiredKeys: [] },
    );
    let sessionsMade = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.constant(model), bytes),
        fc.oneof(fc.constant({}), options),
        async (given, shape) => {
          const outcome = await Session.create(given, shape as object).catch((error: unknown) => ({ error }));
          if ("error" in outcome) return expect(outcome).toEqual({ error: coded });
          sessionsMade += 1;
          return await outcome.close();
        },
      ),
      { numRuns: 400 },
    );
    expect(sessionsMade).toBeGreaterThan(10);
  }, 60_000);
});
