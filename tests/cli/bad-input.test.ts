import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { tinyModelPath } from "../compiler/tiny-models.ts";
import { type Finished, otherTinyModel, run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { writeFiles } from "../support/corpus.ts";

/** A model of fewer dimensions than `tinyModel`. */
const narrowModel = tinyModelPath("dense-tanh");

interface Failure {
  readonly args: readonly string[];
  readonly code: string;
  readonly exit: number;
  /** What the line must say besides the code. */
  readonly says: RegExp;
}

const index = (...args: readonly string[]) => ["index", "docs", "--model", tinyModel, "--work", "w", ...args];
const usage = (args: readonly string[], says: RegExp): Failure => ({ args, code: "E_USAGE", exit: 2, says });
const config = (args: readonly string[], says: RegExp): Failure => ({ args, code: "E_CONFIG", exit: 2, says });
const preflight = (code: string, args: readonly string[], says: RegExp): Failure => ({ args, code, exit: 4, says });
const withModel = (model: string) => ["index", "docs", "--store", "new", "--work", "w", "--model", model];

const failures: readonly Failure[] = [
  usage(["index", "docs", "--storee", "x"], /'--storee'. Did you mean --store\?/),
  usage(["indx", "docs"], /'indx'. Did you mean index\?/),
  usage(["models", "pul", "x"], /'pul'. Did you mean pull\?/),
  usage(["search"], /missing required argument 'query'/),
  usage(["index", "docs", "more"], /too many arguments/),
  usage(["index"], /nothing to index/),
  usage(["search", "x", "--top", "zero"], /--top .*"zero".*a number/),
  usage(["search", "x", "--top", "0"], /--top .*more than 0/),
  usage(index("--hosts", "-1"), /--hosts .*-1.*at least 0/),
  usage(index("--max-tokens", "1.5"), /1.5.*whole number/),
  usage(index("--max-row-bytes", "1 furlong"), /"1 furlong".*64MiB/),
  usage(["search", " ", "--store", "filled"], /query is empty/),
  usage(["search", "x", "--store", "filled", "--filter", "nonsense"], /"nonsense".*field:pattern/),
  usage(["search", "x", "--store", "filled", "--filter", "colour:red"], /"colour".*payload\.<name>/),
  config(index("--store", "new", "--max-tokens", "1"), /maxTokens is 1 .*at least 3/),
  config(index("--store", "new", "--max-tokens", "32", "--overlap", "17"), /overlap is 17 .*0 to 16/),
  config(index("--store", "s3://bucket/x"), /"s3:\/\/bucket\/x".*lancedb:/),
  config(index("--store", "file"), /file is not a folder.*another place/),
  config(["index", "docs", "--model", tinyModel, "--work", "file"], /is not a folder/),
  config(["search", "x", "--store", "file"], /is a file/),
  config(["config", "show", "--config", "nowhere.yaml"], /nowhere\.yaml.*config init/),
  config(["config", "show", "--config", "unknown-key.yaml"], /unknown-key\.yaml:2:1: the key storre .*mean store\?/),
  config(["config", "show", "--config", "broken.yaml"], /broken\.yaml:2:1: /),
  config(["config", "show", "--config", "wrong-value.yaml"], /wrong-value\.yaml:1:6: top: "zero".*a number/),
  preflight("E_SOURCE_MISSING", ["index", "nowhere", "--model", tinyModel], /nowhere": there is no such folder/),
  preflight("E_SOURCE_MISSING", ["index", "/dev/null", "--model", tinyModel], /neither a folder nor a file/),
  preflight("E_CORPUS_EMPTY", ["index", "empty", "--model", tinyModel, "--store", "e", "--work", "w"], /empty has/),
  preflight("E_MODEL_MISSING", withModel("./nowhere"), /nowhere.*no such folder/),
  preflight("E_MODEL_MISSING", withModel("no-such-model"), /no-such-model.*switched off/),
  preflight("E_MODEL_INVALID", withModel("./docs"), /docs has no config\.json/),
  preflight("E_MODEL_MISSING", withModel("./docs/a.md"), /docs\/a\.md/),
  preflight("E_SAFETENSORS", withModel("./header-too-long"), /header claims.*Download/),
  preflight("E_SAFETENSORS", withModel("./outside"), /tensor.*Download/),
  preflight("E_SAFETENSORS", withModel("./truncated"), /tensor.*Download/),
  preflight("E_MODEL_INVALID", withModel("./no-json"), /config\.json: it is not JSON. Download/),
  preflight("E_STORE_MISSING", ["search", "x", "--store", "nowhere"], /nowhere.*index first/),
  preflight("E_STORE_FINGERPRINT", ["search", "x", "--store", "filled", "--model", otherTinyModel], /as --model/),
  preflight("E_STORE_FINGERPRINT", ["search", "x", "--store", "filled", "--model", narrowModel], /as --model/),
  preflight("E_STORE_SCHEMA", index("--store", "other-dimension"), /has 16 dimensions.*gives 32/),
  // The model can give 16 dimensions as well, but its graph for them is not the one that the store names.
  preflight("E_STORE_FINGERPRINT", ["search", "x", "--store", "other-dimension"], /another model/),
  preflight("E_SOURCE_MISSING", ["eval", "docs", "--model", tinyModel], /corpus\.jsonl/),
  { args: index("--store", "broken"), code: "E_STORE", exit: 1, says: /store\.json. Restore/ },
  { args: ["search", "x", "--store", "broken"], code: "E_STORE", exit: 1, says: /store\.json. Restore/ },
];

describe("a command that fails", () => {
  let folder: string;
  let finished: readonly Finished[];

  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFiles(folder, {
      "docs/a.md": "# Words\n\nsome words",
      file: "",
      "unknown-key.yaml": "top: 3\nstorre: x\n",
      "broken.yaml": "store: [x\n",
      "wrong-value.yaml": "top: zero\n",
      "broken/store.json": "{",
    });
    await mkdir(join(folder, "empty"));
    await writeModels(folder);
    expect((await run(index("--store", "filled"), { cwd: folder })).code).toBe(0);
    await cp(join(folder, "filled"), join(folder, "other-dimension"), { recursive: true });
    const schema = JSON.parse(await readFile(join(folder, "filled/store.json"), "utf8"));
    await writeFiles(folder, { "other-dimension/store.json": JSON.stringify({ ...schema, dimensions: 16 }) });
    const outcomes: Finished[] = [];
    for (const { args } of failures) outcomes.push(await run([...args, "--json"], { cwd: folder }));
    finished = outcomes;
  }, 120_000);

  test.each(failures.map((failure, position) => ({ ...failure, position, line: failure.args.join(" ") })))(
    "$code: $line",
    ({ position, code, exit, says }) => {
      const { stdout, stderr, result, code: exitCode } = finished[position] as Finished;
      expect(stderr).toMatch(new RegExp(`^error ${code}: [^\\n]+\\n$`));
      expect(stderr).toMatch(says);
      expect(stderr).not.toContain("[object Object]");
      expect(stdout.trimEnd().split("\n")).toHaveLength(1);
      expect(result).toEqual({
        type: "result",
        ok: false,
        exitCode: exit,
        error: { code, message: stderr.trimEnd().replace(`error ${code}: `, "") },
      });
      expect(exitCode).toBe(exit);
    },
  );

  test("writes nothing to stdout without --json, and a stack only with --debug", async () => {
    for (const args of [["indx"], ["search", "x", "--store", "nowhere"]]) {
      const { stdout, stderr } = await run(args, { cwd: folder });
      expect([stdout, stderr.trimEnd().split("\n").length]).toEqual(["", 1]);
    }
    const debugged = await run(["search", "x", "--store", "nowhere", "--debug"], { cwd: folder });
    expect(debugged.stderr).toMatch(/^error E_STORE_MISSING: .*\n[\s\S]*\n {4}at /);
    expect(debugged.stdout).toBe("");
  });

  test("a place that was refused is not taken by it", async () => {
    const { code } = await run(index("--store", "new"), { cwd: folder });
    expect(code).toBe(0);
  });

  test("a model that went away after indexing: search says where it was and what to do", async () => {
    await cp(tinyModel, join(folder, "model"), { recursive: true });
    await run(["index", "docs", "--model", "./model", "--store", "moved", "--work", "w"], { cwd: folder });
    await cp(join(folder, "model"), join(folder, "elsewhere"), { recursive: true });
    await writeFile(join(folder, "model/config.json"), "{}");
    expect((await run(["search", "words", "--store", "moved"], { cwd: folder })).code).toBe(4);
    await rm(join(folder, "model"), { recursive: true });
    const lost = await run(["search", "words", "--store", "moved"], { cwd: folder });
    expect(lost.stderr).toMatch(/^error E_MODEL_MISSING: .*moved .*\/model .*--model/);
    const found = await run(["search", "words", "--store", "moved", "--model", "./elsewhere"], { cwd: folder });
    expect([found.code, found.stdout]).toEqual([0, expect.stringContaining("a.md")]);
  });

  test("control characters of an argument do not reach the terminal", async () => {
    const { stderr } = await run(["search", "x", "--store", "no\u001b[31m\u0007where"], { cwd: folder });
    expect(stderr).toMatch(/^error E_STORE_MISSING/);
    expect(stderr).not.toMatch(/(?!\n)\p{Cc}/u);
  });
});

/** Copies of the tiny model, each with one file damaged. */
async function writeModels(folder: string): Promise<void> {
  const weights = await readFile(join(tinyModel, "model.safetensors"));
  const length = Number(weights.readBigUInt64LE());
  const header = JSON.parse(weights.toString("utf8", 8, 8 + length));
  const first = Object.keys(header).find((name) => name !== "__metadata__") as string;
  header[first].data_offsets = [0, 2 ** 40];
  const text = Buffer.from(JSON.stringify(header));
  const damaged: Readonly<Record<string, Readonly<Record<string, string | Uint8Array>>>> = {
    "header-too-long": { "model.safetensors": Buffer.concat([lengthBytes(2 ** 40), weights.subarray(8)]) },
    outside: { "model.safetensors": Buffer.concat([lengthBytes(text.length), text, weights.subarray(8 + length)]) },
    truncated: { "model.safetensors": weights.subarray(0, weights.length >> 1) },
    "no-json": { "config.json": "{broken" },
  };
  for (const [name, files] of Object.entries(damaged)) {
    await cp(tinyModel, join(folder, name), { recursive: true });
    await writeFiles(join(folder, name), files);
  }
}

function lengthBytes(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(length));
  return bytes;
}
