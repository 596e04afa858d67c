import { describe, expect, test } from "@jest/globals";
import type { CompiledModel } from "@millrace/compiler";
import { compileInHost } from "@millrace/workers";
import { cosine, openGraph, withFolder } from "./support.ts";
import { encodeInBatches, readTinyGolden, texts, tinyModelPath, tokenizeFor } from "./tiny-models.ts";

/** A Dense head, a bias on the scores (learned, of products, a penalty), windows, rotary positions with shared heads, and nothing to make int8 of. */
const kinds = ["dense-tanh", "mpnet", "deberta", "jina-bert", "modernbert", "gemma3", "t5-gated", "model2vec"];

function compileInt8(name: string, cacheDirectory: string): Promise<CompiledModel> {
  return compileInHost({ directory: tinyModelPath(name), precision: "int8", cacheDirectory });
}

describe.each(kinds)("%s as int8", (name) => {
  test("comes near sentence-transformers, and gives a row the same vector in whatever batch", async () => {
    await withFolder(async (cacheDirectory) => {
      const model = await compileInt8(name, cacheDirectory);
      const session = await openGraph(model.graphPath);
      const rows = await tokenizeFor(model, texts);
      const alone = await encodeInBatches(
        session,
        rows,
        rows.map((_, row) => [row]),
      );
      for (const [row, vector] of readTinyGolden(name).vectors.entries())
        expect([row, cosine(alone[row] as Float32Array, vector) > 0.97]).toEqual([row, true]);
      const same = rows.map((ids) => ids.slice(0, 3)).filter(({ length }) => length === 3);
      const apart = await encodeInBatches(
        session,
        same,
        same.map((_, row) => [row]),
      );
      expect(await encodeInBatches(session, same, [same.map((_, row) => row)])).toEqual(apart);
    });
  });
});
