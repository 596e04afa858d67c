import { type ChildProcess, spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { broughtNodePath } from "../../packages/cli/bin/node-version.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
let copy: string;
let cache: string;

beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), "millrace-scripts-"));
  cache = join(copy, "cache");
  for (const path of ["scripts", "packages/cli/bin", "packages/cli/package.json"]) {
    await cp(join(root, path), join(copy, path), { recursive: true });
  }
});

afterEach(() => rm(copy, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(script: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const { npm_execpath: _, ...inherited } = process.env;
  return spawn(process.execPath, [join(copy, script), ...args], {
    env: { ...inherited, MILLRACE_CACHE: cache, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (data) => (stdout += data));
  child.stderr?.on("data", (data) => (stderr += data));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

/** Makes the Node that runs this test too old for the copy. */
async function ask(version: string): Promise<void> {
  const path = join(copy, "packages/cli/bin/node-version.mjs");
  const source = await readFile(path, "utf8");
  await writeFile(path, source.replace(/minimumNode = "[^"]+"/, `minimumNode = "${version}"`));
}

/** Puts a shell script where the brought Node would be. */
async function bring(script: string): Promise<void> {
  const path = broughtNodePath(cache);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

async function buildCli(source: string): Promise<void> {
  await mkdir(join(copy, "packages/cli/dist"));
  await writeFile(join(copy, "packages/cli/dist/main.js"), source);
}

describe("millrace", () => {
  const millrace = "packages/cli/bin/millrace.js";

  test("runs the built command with its arguments", async () => {
    await buildCli("process.stdout.write(process.argv.slice(2).join()); process.exitCode = 3;");
    expect(await ended(start(millrace, ["search", "two words"]))).toEqual({
      code: 3,
      stdout: "search,two words",
      stderr: "",
    });
  });

  test("says in one line that it is not built", async () => {
    const { code, stderr } = await ended(start(millrace, []));
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error E_RUNTIME: .*npm run build\n$/);
  });

  test("says in one line that Node is too old", async () => {
    await ask("99.0.0");
    const { code, stderr } = await ended(start(millrace, []));
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error E_RUNTIME: .*Node 99\.0\.0 or newer: this is Node \d+\.\d+\.\d+\..*\n$/);
  });

  test("runs again with the brought Node where this one is too old", async () => {
    await ask("99.0.0");
    await buildCli("");
    await bring('shift; echo "$@"; exit 7');
    expect(await ended(start(millrace, ["index", "a b"]))).toEqual({ code: 7, stdout: "index a b\n", stderr: "" });
  });

  test("passes an interrupt on and waits", async () => {
    await ask("99.0.0");
    await buildCli("");
    await bring("trap 'echo draining; sleep 0.3; echo drained; exit 5' INT\necho ready\nwhile :; do sleep 0.05; done");
    const child = start(millrace, ["index"]);
    const end = ended(child);
    child.stdout?.once("data", () => {
      child.kill("SIGINT");
      setTimeout(() => child.kill("SIGINT"), 50);
    });
    expect(await end).toEqual({ code: 5, stdout: "ready\ndraining\ndrained\n", stderr: "" });
  });

  test("says which signal ended the brought Node", async () => {
    await ask("99.0.0");
    await buildCli("");
    await bring("kill -KILL $$");
    expect((await ended(start(millrace, []))).code).toBe(128 + 9);
  });
});

describe("scripts/run.mjs", () => {
  test("names its targets", async () => {
    const { code, stderr } = await ended(start("scripts/run.mjs", ["tset"]));
    expect(code).toBe(2);
    expect(stderr).toBe(
      'error E_USAGE: there is no "tset"; choose one of demo, test, build, bench, native:package, native:memory, check\n',
    );
  });

  test("says in one line that there is no npm", async () => {
    await writeFile(join(copy, "package-lock.json"), '{"packages":{}}');
    const { code, stderr } = await ended(start("scripts/run.mjs", ["build"], { PATH: copy }));
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error E_RUNTIME: the packages could not be installed: npm cannot be started .*\n$/);
  });

  test("installs once, then finds its stamp", async () => {
    await writeFile(join(copy, "package.json"), '{"name":"copy","version":"1.0.0"}');
    const lock = {
      name: "copy",
      version: "1.0.0",
      lockfileVersion: 3,
      packages: { "": { name: "copy", version: "1.0.0" } },
    };
    await writeFile(join(copy, "package-lock.json"), JSON.stringify(lock));
    const calls = join(copy, "calls");
    await writeFile(join(copy, "npm"), `#!/bin/sh\necho "$@" >> ${calls}\n/bin/mkdir -p node_modules\n`);
    await chmod(join(copy, "npm"), 0o755);
    await writeFile(join(copy, "scripts/build.mjs"), "export async function build() {}");
    for (let run = 0; run < 2; run += 1) {
      expect(await ended(start("scripts/run.mjs", ["build"], { PATH: copy }))).toEqual({
        code: 0,
        stdout: "",
        stderr: "",
      });
    }
    expect(await readFile(calls, "utf8")).toMatch(/^ci --ignore-scripts .*\n$/);
  });
});
