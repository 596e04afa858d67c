import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { sharpenAttention } from "../support/sharp-attention.ts";

async function corpus(): Promise<string> {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, "water.md"), "# Water\n\nThe water of the sea and of the lake.\n");
  await writeFile(join(cwd, "stone.md"), "# Stone\n\nStones and sand.\n");
  return cwd;
}

const index = (cwd: string, model: string, ...flags: readonly string[]) =>
  run(["index", ".", "--include", "*.md", "--model", model, ...flags, "--json"], { cwd });

describe("--precision", () => {
  test("a store filled in int8 is searched in int8, and refuses vectors of fp32", async () => {
    const cwd = await corpus();
    const filled = await index(cwd, tinyModel, "--precision", "int8");
    expect(filled.result).toMatchObject({ exitCode: 0, store: { documents: 2, points: 2 } });
    const found = await run(["search", "the water", "--json"], { cwd });
    expect([found.code, found.stderr]).toEqual([0, ""]);
    const other = await index(cwd, tinyModel, "--precision", "fp32");
    expect([other.code, other.result.error?.code]).toEqual([4, "E_STORE_FINGERPRINT"]);
  });

  test("auto fills the store that int8 would, where int8 is faithful", async () => {
    const cwd = await corpus();
    expect((await index(cwd, tinyModel, "--precision", "auto")).stderr).not.toContain("warning");
    const again = await index(cwd, tinyModel, "--precision", "int8");
    expect([again.code, again.result.encoded.chunks]).toEqual([0, 0]);
  });

  test("auto warns and takes fp32 where int8 would change the vectors", async () => {
    const cwd = await corpus();
    const model = join(await temporaryFolder(), "sharp");
    await cp(tinyModel, model, { recursive: true });
    sharpenAttention(model);
    const filled = await index(cwd, model, "--precision", "auto");
    expect(filled.code).toBe(0);
    expect(filled.stderr).toMatch(/warning: int8 would change \S+ too much \(cosine .*; using fp32/);
    const again = await index(cwd, model, "--precision", "fp32");
    expect([again.code, again.result.encoded.chunks]).toEqual([0, 0]);
  });

  test("anything else is refused", async () => {
    const { code, result } = await index(await corpus(), tinyModel, "--precision", "int4");
    expect([code, result.error?.message]).toEqual([2, expect.stringContaining("int4")]);
  });
});
