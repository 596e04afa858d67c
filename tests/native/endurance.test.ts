import { afterEach, expect, test } from "@jest/globals";
import { Session, type Tensor } from "@millrace/native";
import fc from "fast-check";
import { describeNative, graph, sessions, slowInputs, tensor } from "./support.ts";

const { create, closeAll } = sessions();
afterEach(closeAll);

/** Megabytes this process takes now, rubbish that JavaScript has not collected included. */
const megabytes = () => process.memoryUsage.rss() / 1e6;

describeNative("endurance", () => {
  test("10,000 runs take no more memory", async () => {
    const session = await create(graph("slow"), { lanes: 2 });
    const runs = async (count: number) => {
      for (let run = 0; run < count; run += 20) {
        await Promise.all(Array.from({ length: 20 }, () => session.run(slowInputs(1))));
      }
    };
    await runs(4_000);
    const before = megabytes();
    await runs(10_000);
    expect(megabytes() - before).toBeLessThan(24);
  }, 120_000);

  test("1,000 sessions take no more memory", async () => {
    const model = graph("slow");
    const cycle = async (count: number) => {
      for (let made = 0; made < count; made += 1) {
        const session = await Session.create(model, { lanes: 2 });
        await session.run(slowInputs(1));
        session.createBuffer("float32", [1_000]);
        await session.close();
      }
    };
    await cycle(200);
    const before = megabytes();
    await cycle(1_000);
    expect(megabytes() - before).toBeLessThan(24);
  }, 180_000);

  test("whatever is given, there is a result or an error with a code", async () => {
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
});
