import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import type { CompiledModel } from "@millrace/compiler";
import { createLazyEncoder } from "@millrace/workers";
import { temporaryFolder } from "../../support/command-line.ts";
import { childrenWith } from "../../support/processes.ts";
import { batchOf, compileTiny } from "../../support/tiny-encoder.ts";

describe("golden vectors", () => {
  let model: CompiledModel;
  let path: string;
  const encode = async () => {
    const encoder = createLazyEncoder({ model, hosts: 1 });
    try {
      return await encoder.encode(batchOf([Int32Array.of(1, 2, 3)]));
    } finally {
      await encoder.close();
    }
  };
  beforeAll(async () => {
    model = await compileTiny(await temporaryFolder());
    path = join(dirname(model.graphPath), "golden.json");
  });

  test("are recorded by the first use and hold for the next", async () => {
    await encode();
    const recorded = await readFile(path, "utf8");
    await encode();
    expect(await readFile(path, "utf8")).toBe(recorded);
  });

  test.each([
    ["other vectors", (golden: string) => golden.replace(/"vectors":"..../, '"vectors":"QUJD')],
    ["fewer vectors", (golden: string) => golden.replace(/"vectors":"......../, '"vectors":"')],
    ["half a file", (golden: string) => golden.slice(0, 40)],
    ["no vectors at all", () => "null"],
  ])("with %s instead, the model is refused and no host is left", async (_, damage) => {
    const recorded = await readFile(path, "utf8");
    await writeFile(path, damage(recorded));
    await expect(encode()).rejects.toMatchObject({ code: "E_MODEL_GOLDEN" });
    expect(childrenWith("encoder-host")).toEqual([]);
    await writeFile(path, recorded);
  });

  test("an encoder that is warmed in vain rejects who asks, and nobody else", async () => {
    const encoder = createLazyEncoder({ model: { ...model, graphDigest: "0" }, hosts: 1 });
    encoder.warm();
    await expect(encoder.encode(batchOf([Int32Array.of(1)]))).rejects.toMatchObject({ code: "E_MODEL_DIGEST" });
    await encoder.close();
  });
});
