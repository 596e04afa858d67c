import { expect, test } from "@jest/globals";
import { compileGenerator } from "@millrace/compiler";
import { greedyDecoding } from "@millrace/core";
import { createPromptMaker, GeneratorPool } from "@millrace/workers";
import { temporaryFolder } from "../../support/command-line.ts";
import { smollm2Directory } from "../../support/smollm2.ts";

const directory = smollm2Directory();
if (directory === undefined)
  process.stderr.write("skipped: smollm2-135m-instruct is not there; millrace models pull it\n");
const withSmollm2 = directory === undefined ? test.skip : test;

withSmollm2("a real model of 4-bit blocks gives each row alone what it gives it among others", async () => {
  const cacheDirectory = await temporaryFolder();
  const model = await compileGenerator(directory as string, { precision: "auto", cacheDirectory });
  const prompts = await createPromptMaker(model, { isChat: true, payload: [] });
  const questions = [
    "What is the capital of France?",
    "Name three colours.",
    "Say hello.",
    "Is 7 a prime number? Why?",
  ];
  const ids = await prompts.encode(questions.map(prompts.ofText));
  const requests = ids.map((promptIds) => ({
    promptIds,
    decoding: { ...greedyDecoding, maxNewTokens: 8, stopIds: model.tokens.end },
    sequence: 0,
  }));
  const pool = new GeneratorPool({ model, chunkTokens: 16 });
  try {
    const together = await Promise.all(requests.map((request) => pool.generate(request)));
    expect(together[0]).toMatchObject({ text: "The capital of France is Paris.", finishReason: "stop" });
    for (const [index, request] of requests.entries()) expect(await pool.generate(request)).toEqual(together[index]);
  } finally {
    await pool.close();
  }
});
