import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { packVectors, type VerifyReport } from "@millrace/core";
import { createSearcher } from "@millrace/workers";
import { readTinyGolden, texts, tinyModelPath } from "../compiler/tiny-models.ts";
import { run, temporaryFolder } from "../support/command-line.ts";
import { writeFiles } from "../support/corpus.ts";

const common = ["--json", "--hosts", "1"];
const model = "xlm-roberta";
let folder: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  const rows = texts.map((text, id) => JSON.stringify({ id: `row-${id}`, text }));
  await writeFiles(folder, { "texts.jsonl": rows.join("\n") });
});

const index = (...options: readonly string[]) =>
  run(
    [
      "index",
      "texts.jsonl",
      "--model",
      tinyModelPath(model),
      "--id-field",
      "id",
      "--chunking-strategy",
      "truncate",
    ].concat(common, options),
    { cwd: folder },
  );

async function expectVerified(...place: readonly string[]): Promise<void> {
  const { code, result } = await run(["verify", "--sample", "1000", ...place, ...common], { cwd: folder });
  const { sampled, worst } = result as unknown as VerifyReport;
  expect([code, sampled, (worst?.cosine ?? 0) > 0.9999]).toEqual([0, texts.length, true]);
}

describe("--vector-precision", () => {
  test("int8 exports whole numbers, by a step that comes with the model", async () => {
    const place = ["--store", "jsonl:whole", "--work", "work-whole"];
    expect((await index("--vector-precision", "int8", ...place)).code).toBe(0);
    const { form } = await createSearcher(`jsonl:${join(folder, "whole")}`).schema();
    if (form?.precision !== "int8") throw new Error("the store is not of int8");
    const lines = (await readFile(join(folder, "whole", "points.jsonl"), "utf8")).trimEnd().split("\n");
    const golden = readTinyGolden(model).documents;
    const apart = lines.flatMap((line) => {
      const { document, vector } = JSON.parse(line) as { document: string; vector: readonly number[] };
      const float = golden[Number(document.replace("row-", ""))] as Float32Array;
      const held = packVectors(form, float, float.length);
      return vector.map((value, place) => Math.abs(value - (held[place] as number)));
    });
    expect(apart).toHaveLength(texts.length * 32);
    // A float's last bits may lie on either side of a half.
    expect(Math.max(...apart)).toBeLessThanOrEqual(1);
    expect(apart.filter((difference) => difference > 0).length).toBeLessThan(4);
    await expectVerified(...place);
  });

  test("binary is searched and verified, and takes neither other forms nor reads as one", async () => {
    const place = ["--store", "signs", "--work", "work-signs"];
    expect((await index("--vector-precision", "binary", ...place)).code).toBe(0);
    await expectVerified(...place);
    const found = await run(["search", texts[5] as string, "--store", "signs", "--top", "1", "--json"], {
      cwd: folder,
    });
    expect(JSON.parse(found.stdout.split("\n")[0] ?? "")).toMatchObject({ type: "hit", document: "row-5" });
    const other = await index("--vector-precision", "float16", ...place);
    expect([other.code, other.result.error]).toEqual([
      4,
      { code: "E_STORE_SCHEMA", message: expect.stringMatching(/cosine, binary.*cosine, float16.*--vector-precision/) },
    ]);
    const again = await index("--vector-precision", "binary", ...place);
    expect([again.code, again.result.encoded.chunks]).toEqual([0, 0]);
  });

  test("what a store cannot hold is refused before anything is made", async () => {
    const { code, result } = await index("--vector-precision", "int8", "--store", "none", "--work", "work-none");
    expect([code, result.error]).toEqual([
      2,
      { code: "E_CONFIG", message: expect.stringMatching(/lancedb store takes no int8 vectors.*Use float16/) },
    ]);
    expect(existsSync(join(folder, "none"))).toBe(false);
  });

  test("a reindex exchanges the form, and the next one keeps it", async () => {
    const place = ["--store", "forms", "--work", "work-forms"];
    expect((await index(...place)).code).toBe(0);
    const exchanged = await run(["reindex", ...place, "--vector-precision", "float16", ...common], { cwd: folder });
    expect([exchanged.code, exchanged.result.error]).toEqual([0, undefined]);
    expect((await createSearcher(join(folder, "forms")).schema()).form).toEqual({ precision: "float16" });
    const kept = await run(["reindex", ...place, "--max-tokens", "40", ...common], { cwd: folder });
    expect([kept.code, kept.result.error]).toEqual([0, undefined]);
    expect((await createSearcher(join(folder, "forms")).schema()).form).toEqual({ precision: "float16" });
  });
});
