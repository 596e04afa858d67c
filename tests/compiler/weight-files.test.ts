import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { type CompiledModel, compileModel } from "@millrace/compiler";
import { createEncoderPool, encodeRows } from "@millrace/workers";
import { failureOf, withFolder } from "./support.ts";
import { tinyModelPath } from "./tiny-models.ts";

const directory = tinyModelPath("modernbert");
const rows = [3, 17, 64, 17].map((length) => Int32Array.from({ length }, (_, at) => (at * 37 + length) % 300));

/** Compiles as if the weights were too many for one file. */
function compileApart(cacheDirectory: string): Promise<CompiledModel> {
  return compileModel(directory, { precision: "fp32", cacheDirectory, graphBytes: 20_000 });
}

async function encodeAll(model: CompiledModel): Promise<Float32Array> {
  const pool = await createEncoderPool({ model, hosts: 1 });
  try {
    return (await encodeRows(pool, rows)).vectors;
  } finally {
    await pool.close();
  }
}

test("weights in files of their own give the vectors that they give in the graph", async () => {
  await withFolder(async (cacheDirectory) => {
    const whole = await compileModel(directory, { precision: "fp32", cacheDirectory });
    const apart = await compileApart(cacheDirectory);
    expect([whole.weights.length, apart.weights.length > 2]).toEqual([0, true]);
    expect((await readFile(apart.graphPath)).length).toBeLessThan(60_000);
    expect(apart.graphDigest).not.toBe(whole.graphDigest);
    expect(await encodeAll(apart)).toEqual(await encodeAll(whole));
  });
});

test("what cannot be calibrated stays fp32 where that was left open, and is refused as int8", async () => {
  await withFolder(async (cacheDirectory) => {
    const large = { directory, graphBytes: 20_000 };
    for (const { directory: place, ...options } of [large, { directory: tinyModelPath("onnx-states") }]) {
      const compile = (precision: "auto" | "int8") => compileModel(place, { precision, cacheDirectory, ...options });
      expect((await compile("auto")).precision).toBe("fp32");
      expect(await failureOf(() => compile("int8"))).toMatchObject({
        code: "E_MODEL_UNSUPPORTED",
        fix: "Choose fp32.",
      });
    }
  });
});

test("weights that are damaged are not loaded; those that are cut or gone are written again", async () => {
  await withFolder(async (cacheDirectory) => {
    const model = await compileApart(cacheDirectory);
    const [first, second] = model.weights.map(({ path }) => path) as [string, string];
    const bytes = await readFile(first);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(first, bytes);
    const error = await failureOf(() => encodeAll(model));
    expect([error.code, error.message]).toEqual([
      "E_MODEL_DIGEST",
      expect.stringContaining("weights-1.bin is damaged"),
    ]);
    for (const spoil of [() => rm(second), () => appendFile(second, "x")]) {
      await spoil();
      expect(await compileApart(cacheDirectory)).toEqual(model);
      expect((await encodeAll(model)).length).toBe(rows.length * model.dimensions);
    }
  });
});
