import { readFile } from "node:fs/promises";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { type CompiledModel, compileModel } from "@millrace/compiler";
import type { Session, WeightsFile } from "@millrace/native";
import { tinyModelPath } from "../compiler/tiny-models.ts";
import { temporaryFolder } from "../support/command-line.ts";
import { bits, describeNative, sessions, tensor } from "./support.ts";

const { create, closeAll } = sessions();
afterEach(closeAll);

let whole: CompiledModel;
let apart: CompiledModel;

beforeAll(async () => {
  const options = { precision: "fp32", cacheDirectory: await temporaryFolder() } as const;
  whole = await compileModel(tinyModelPath("modernbert"), options);
  // As if the weights were too many for one file.
  apart = await compileModel(tinyModelPath("modernbert"), { ...options, graphBytes: 20_000 });
});

/** What the graph takes weights from, each in a buffer of its own. */
function readWeights(): Promise<WeightsFile[]> {
  return Promise.all(
    apart.weights.map(async ({ name, path }) => ({ name, data: new Uint8Array((await readFile(path)).buffer) })),
  );
}

async function vectorsOf(session: Session): Promise<string> {
  const ids = tensor("int32", [2, 5], Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  return bits((await session.run({ ids })).vectors);
}

describeNative("weights in files of their own", () => {
  test("give what they give in the graph, and are taken over", async () => {
    const expected = await vectorsOf(await create(await readFile(whole.graphPath)));
    const graph = await readFile(apart.graphPath);
    const weights = await readWeights();
    const bytes = weights.map(({ data }) => data.length);
    expect(Math.min(...bytes)).toBeGreaterThan(10_000);
    const session = await create(graph, { weights, lanes: 2 });
    expect(weights.map(({ data }) => data.length)).toEqual(bytes.map(() => 0));
    expect(await vectorsOf(session)).toBe(expected);
    expect(await vectorsOf(await create(apart.graphPath))).toBe(expected);
  });

  test("stay where they are where they are part of a buffer, or shared", async () => {
    const graph = await readFile(apart.graphPath);
    const given = (await readWeights()).map(({ name, data }, index) => {
      const buffer = index % 2 === 0 ? new ArrayBuffer(data.length + 64) : new SharedArrayBuffer(data.length);
      const own = new Uint8Array(buffer, index % 2 === 0 ? 64 : 0, data.length);
      own.set(data);
      return { name, data: own };
    });
    const session = await create(graph, { weights: given });
    for (const { data } of given) expect(data.length).toBeGreaterThan(0);
    for (const { data } of given) data.fill(0);
    expect(await vectorsOf(session)).toBe(await vectorsOf(await create(await readFile(whole.graphPath))));
  });

  test("that do not fit are refused by name", async () => {
    const graph = await readFile(apart.graphPath);
    const refused = async (change: (weights: WeightsFile[]) => WeightsFile[], why: RegExp) =>
      await expect(create(graph, { weights: change(await readWeights()) })).rejects.toMatchObject({
        code: expect.stringMatching(/^(ORT|NATIVE)_/),
        message: expect.stringMatching(why),
      });
    const [first, second] = apart.weights.map(({ name }) => name) as [string, string];
    await refused(([, ...others]) => others, new RegExp(`External file: ${first} not found`));
    await refused(([one, ...others]) => [{ ...(one as WeightsFile), name: "other.bin" }, ...others], /not found/);
    await refused(
      (all) => [...all, { name: second, data: new Uint8Array(9) }],
      new RegExp(`already been added: ${second}`),
    );
    await refused((all) => all.map((file) => ({ ...file, data: file.data.slice(0, 100) })), /given file_length: 100/);
    await refused((all) => all.map((file) => ({ ...file, name: `${file.name}\0` })), /NUL/);
  });
});
