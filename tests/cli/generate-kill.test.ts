import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { run, start, temporaryFolder } from "../support/command-line.ts";

const model = resolve("tests/golden/tiny-decoders/llama");
const rows = 500;

const job = (name: string) => [
  ...["generate", "many.jsonl", "--out", `${name}.jsonl`, "--work", name, "--model", model, "--id-field", "id"],
  ...["--seed", "5", "--batch-rows", "4", "--temperature", "0.9", "--max-new-tokens", "40"],
];

test("a job that is killed ten times leaves the file of one that was not, and generates no answer twice", async () => {
  const folder = await temporaryFolder();
  const lines = Array.from({ length: rows }, (_, index) =>
    JSON.stringify({
      id: String(index),
      prompt: Array.from({ length: 20 }, (_, word) => `t${(index * 13 + word * word) % 96}`).join(" "),
    }),
  );
  await writeFile(join(folder, "many.jsonl"), lines.join("\n"));
  const calm = await run([...job("calm"), "--json"], { cwd: folder });
  expect([calm.code, calm.result.rows, calm.result.failed]).toEqual([0, rows, 0]);
  for (let kills = 0, before = 0; kills < 10; kills += 1) {
    const { child, finished } = await start(job("killed"), { cwd: folder });
    while (child.exitCode === null && journalled(join(folder, "killed")) < before + 10) await delay(10);
    child.kill("SIGKILL");
    await finished;
    const after = journalled(join(folder, "killed"));
    expect(after).toBeGreaterThan(before);
    before = after;
  }
  const left = rows - journalled(join(folder, "killed"));
  const last = await run([...job("killed"), "--json"], { cwd: folder });
  expect([last.code, last.result.rows, last.result.newAnswers]).toEqual([0, rows, left]);
  expect(readFileSync(join(folder, "killed.jsonl"), "utf8")).toBe(readFileSync(join(folder, "calm.jsonl"), "utf8"));
}, 120_000);

/** Whole lines of a job's journals. */
function journalled(work: string): number {
  try {
    const job = join(work, readdirSync(work)[0] ?? "", "journal");
    const texts = readdirSync(job).map((name) => readFileSync(join(job, name), "utf8"));
    return texts.reduce((sum, text) => sum + text.split("\n").length - 1, 0);
  } catch {
    return 0;
  }
}
