import { existsSync } from "node:fs";
import { cp, truncate } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "@jest/globals";
import { Tokenizer } from "tokenizers";
import { continueGreedily, openDecoder } from "./decoders.ts";
import { failureOf, withFolder } from "./support.ts";

const stories = resolve("../shared/data/stories260k");
const isThere = existsSync(stories);
if (!isThere) process.stderr.write("skipped: ../shared/data/stories260k is not there\n");
const withStories = isThere ? test : test.skip;

withStories("a llama2.c checkpoint tells the story it is known for", () =>
  withFolder(async (folder) => {
    const decoder = await openDecoder(stories, folder);
    const { tokenizerPath, tokens, cacheBytesPerToken } = decoder.model;
    expect([tokens, cacheBytesPerToken]).toEqual([{ beginning: 1, end: [1, 2] }, 2 * 5 * 4 * 8 * 4]);
    const tokenizer = Tokenizer.fromFile(tokenizerPath);
    const text = await tokenizer.decode(await continueGreedily(decoder, [1], 50), true);
    expect(text).toContain(
      "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.",
    );
    // Spaces, a text that no piece begins, and bytes come back as they were.
    for (const said of ["Once upon a time", "  two  spaces ", "naïve 水"]) {
      const ids = (await tokenizer.encode(said)).getIds();
      expect([ids[0], await tokenizer.decode(ids, true)]).toEqual([1, said]);
    }
  }),
);

withStories("a llama2.c checkpoint that is damaged is refused in one line", () =>
  withFolder(async (folder) => {
    const copy = join(folder, "model");
    await cp(stories, copy, { recursive: true });
    await truncate(join(copy, "tok512.bin"), 4000);
    expect(await failureOf(() => openDecoder(copy, folder))).toMatchObject({
      code: "E_MODEL_INVALID",
      why: expect.stringMatching(/ends after \d+ of 512 pieces/),
    });
    await truncate(join(copy, "stories260K.bin"), 1_000_000);
    expect(await failureOf(() => openDecoder(copy, folder))).toMatchObject({ code: "E_MODEL_MISSING" });
  }),
);
