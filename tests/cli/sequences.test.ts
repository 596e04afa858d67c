import { readdirSync, readFileSync } from "node:fs";
import { cp, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { run, start, temporaryFolder } from "../support/command-line.ts";

const golden = JSON.parse(readFileSync("tests/golden/tiny-beams.json", "utf8"));
const name = "tiny-sequences/t5";
const rows = 150;

const words = (ids: readonly number[]) => ids.map((id) => `t${id}`).join(" ");

test("a model with an encoder searches with the beams its own files ask for, and goes on after a kill", async () => {
  const folder = await temporaryFolder();
  const { options, answers } = golden.models[name].find(
    ({ options: own }: { options: Record<string, unknown> }) => own.num_return_sequences === 3,
  );
  await cp(resolve("tests/golden", name), join(folder, "model"), { recursive: true });
  const { num_return_sequences: returned, ...defaults } = options;
  await writeFile(
    join(folder, "model/generation_config.json"),
    JSON.stringify({ ...defaults, decoder_start_token_id: 0 }),
  );
  const prompts = [
    ...golden.prompts,
    ...Array.from({ length: rows }, (_, index) =>
      Array.from({ length: 1 + (index % 20) }, (_, at) => (index + at) % 96),
    ),
    new Array(600).fill(5),
  ];
  const lines = prompts.map((ids, index) => JSON.stringify({ id: `${index}`, prompt: words(ids) }));
  await writeFile(join(folder, "prompts.jsonl"), lines.join("\n"));
  const job = (out: string) => [
    ...["generate", "prompts.jsonl", "--model", "model", "--out", `${out}.jsonl`, "--work", out, "--id-field", "id"],
    ...["--num-return-sequences", `${returned}`, "--batch-rows", "8", "--max-quarantined", "1"],
  ];
  const { child, finished } = await start(job("killed"), { cwd: folder });
  while (child.exitCode === null && journalled(join(folder, "killed")) < 20) await delay(5);
  child.kill("SIGKILL");
  await finished;
  const before = journalled(join(folder, "killed"));
  const [last, calm] = await Promise.all([
    run([...job("killed"), "--json"], { cwd: folder }),
    run([...job("calm"), "--json"], { cwd: folder }),
  ]);
  expect([last.code, last.result.newAnswers]).toEqual([0, returned * prompts.length - before]);
  const text = readFileSync(join(folder, "calm.jsonl"), "utf8");
  expect(calm.result.failed).toBe(1);
  expect(readFileSync(join(folder, "killed.jsonl"), "utf8")).toBe(text);
  const found = text.trimEnd().split("\n");
  const first = found.slice(0, returned * answers.length).map((line) => JSON.parse(line));
  const expected = answers.flat() as readonly { readonly ids: readonly number[]; readonly score: number }[];
  expect(first.map((each) => each.text)).toEqual(expected.map(({ ids }) => words(ids)));
  expect(first.map(({ sequence }) => sequence)).toEqual(answers.flatMap(() => [0, 1, 2]));
  for (const [place, { score }] of expected.entries()) expect(first[place].score).toBeCloseTo(score, 3);
  expect(JSON.parse(found.at(-1) as string).error).toEqual({
    code: "E_ROW_PROMPT",
    message: "the prompt cannot be answered: it has 600 tokens, and the model reads 512. Shorten it.",
  });
}, 60_000);

/** Whole lines of a job's journals. */
function journalled(work: string): number {
  try {
    const job = join(work, readdirSync(work)[0] ?? "", "journal");
    const texts = readdirSync(job).map((each) => readFileSync(join(job, each), "utf8"));
    return texts.reduce((sum, each) => sum + each.split("\n").length - 1, 0);
  } catch {
    return 0;
  }
}
