import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";

const names = [
  "index",
  "search",
  "plan",
  "verify",
  "retry",
  "load",
  "eval",
  "task classify",
  "models pull",
  "models list",
  "models inspect",
  "doctor",
  "config show",
  "config schema",
  "config init",
];
/** Generous: a machine that runs other tests beside this one takes several times as long as a quiet one. */
const longestHelpMilliseconds = 2_000;

describe("help", () => {
  test.each(["", "models", "config", ...names])(
    "%p has a line for each command and option, and the exit codes",
    async (name) => {
      const cwd = await temporaryFolder();
      const startedAt = performance.now();
      const { code, stdout, stderr } = await run([...name.split(" ").filter(Boolean), "--help"], { cwd });
      expect(performance.now() - startedAt).toBeLessThan(longestHelpMilliseconds);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toContain(`Usage: millrace ${name}`.trimEnd());
      for (const exit of [0, 1, 2, 3, 4, 5, 130]) expect(stdout).toMatch(new RegExp(`\\b${exit} \\w+`));
      const entries = stdout.split("\n").filter((line) => /^ {2}\S/.test(line));
      for (const entry of entries) expect(entry).toMatch(/^ {2}\S.* {2,}\S|^ {2}\S{1,40}( [<[]\S+)*$/);
      expect(stdout).not.toContain("…");
    },
  );

  test.each([
    ["index", ["default .millrace/store", "default all-MiniLM-L6-v2"]],
    ["search", ["default .millrace/store", "by default the one that the store was filled with"]],
    ["verify", ["by default the job's", "by default the job's"]],
    ["retry", ["by default the job's", "by default the job's"]],
    ["load", ["must be given"]],
  ])("of %p says the defaults that it has for store and model", async (name, expected) => {
    const { stdout } = await run([name, "--help"], { cwd: await temporaryFolder() });
    const options = stdout.replaceAll(/\n {10,}/g, " ").split("\n");
    const described = ["--store ", "--model "].flatMap((flag) =>
      options.filter((line) => line.startsWith(`  ${flag}`)),
    );
    const notes = described.map((line) => /\(([^()]*)\) \[env/.exec(line)?.[1]);
    expect(notes).toEqual(expected);
  });

  test("without a command it is shown too, and the exit code is that of wrong usage", async () => {
    const { code, stdout, stderr } = await run([], { cwd: await temporaryFolder() });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: millrace[\s\S]*\nerror E_USAGE: [^\n]+\n$/);
  });

  test("--version is the package's", async () => {
    const { version } = JSON.parse(await readFile("packages/cli/package.json", "utf8"));
    const { code, stdout } = await run(["--version"], { cwd: await temporaryFolder() });
    expect([code, stdout]).toEqual([0, `${version}\n`]);
  });
});

describe("models", () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await temporaryFolder();
  });

  test("pull takes a directory in place; list says that none was fetched", async () => {
    const pulled = await run(["models", "pull", tinyModel, "--json"], { cwd });
    expect(pulled.code).toBe(0);
    expect(pulled.result).toMatchObject({ ok: true, directory: tinyModel, origin: { kind: "directory" } });
    const listed = await run(["models", "list"], { cwd });
    expect([listed.code, listed.stdout]).toEqual([0, ""]);
    expect(listed.stderr).toContain("models pull");
    expect((await run(["models", "list", "--json"], { cwd })).result).toEqual(
      expect.objectContaining({ ok: true, models: 0 }),
    );
  });

  test("inspect shows the same facts as text and as JSON", async () => {
    const { stdout } = await run(["models", "inspect", tinyModel], { cwd });
    const { result } = await run(["models", "inspect", tinyModel, "--json"], { cwd });
    expect(result).toMatchObject({ architecture: "bert", dimensions: 32, pooling: "mean", isNormalized: true });
    for (const fact of [result.graphDigest, result.architecture, "32 dimensions", "mean pooling", "safetensors"])
      expect(stdout).toContain(fact);
    expect(stdout).toContain(result.graph);
  });

  test.each([
    ["tiny-gguf", ["llama, 213,792 parameters", "with a chat template", "32 tokens", "model.gguf", "MatMulNBits"]],
    ["tiny-sequences/marian", ["marian,", "generates     text, without a chat template", "millrace-generate-"]],
  ])("inspect knows the generator in %s", async (model, facts) => {
    const { stdout } = await run(["models", "inspect", resolve("tests/golden", model), "--precision", "auto"], { cwd });
    for (const fact of facts) expect(stdout).toContain(fact);
  });
});

describe("config", () => {
  test("init writes a file that changes nothing, once; show says where values come from; schema is JSON Schema", async () => {
    const cwd = await temporaryFolder();
    const before = await run(["config", "show", "--json"], { cwd });
    const written = await run(["config", "init", "--json"], { cwd });
    expect(written.result).toMatchObject({ ok: true, path: join(cwd, "millrace.yaml") });
    expect((await run(["config", "show", "--json"], { cwd })).result.settings).toEqual(before.result.settings);
    const refused = await run(["config", "init", "--json"], { cwd });
    expect([refused.code, refused.result.error?.code]).toEqual([2, "E_USAGE"]);
    const { stdout } = await run(["config", "show"], { cwd, environment: { MILLRACE_TOP: "7" } });
    expect(stdout).toMatch(/^top: 7 +# environment MILLRACE_TOP$/m);
    expect(stdout).toMatch(/^store: "\.millrace\/store" +# default$/m);
    const schema = await run(["config", "schema"], { cwd });
    expect(JSON.parse(schema.stdout)).toMatchObject({
      $schema: expect.stringContaining("json-schema"),
      type: "object",
    });
    const event = await run(["config", "schema", "--json"], { cwd });
    expect(event.result.schema).toEqual(JSON.parse(schema.stdout));
  });
});

describe("doctor", () => {
  test("finds this machine fit for a model that is here, and says what is missing for one that is not", async () => {
    const cwd = await temporaryFolder();
    const fit = await run(["doctor", "--model", tinyModel, "--json"], { cwd });
    const findings = fit.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect([fit.code, fit.result.ok]).toEqual([0, true]);
    expect(findings.slice(0, -1).every(({ type, name, detail }) => type === "finding" && name && detail)).toBe(true);
    const unfit = await run(["doctor", "--model", "./nowhere"], { cwd });
    expect(unfit.code).toBe(4);
    expect(unfit.stdout).toMatch(/^fail {2}model \.\/nowhere .* — /m);
    expect(unfit.stdout).not.toContain("\u001b");
  });
});

describe("output that nobody reads to its end", () => {
  test("ends the command without a word", async () => {
    const command = `"${process.execPath}" packages/cli/bin/millrace.js models inspect "${tinyModel}" | true`;
    const { stderr } = await promisify(execFile)("sh", ["-c", command], {
      env: { ...process.env, MILLRACE_CACHE: await temporaryFolder() },
    });
    expect(stderr).toBe("");
  });
});
