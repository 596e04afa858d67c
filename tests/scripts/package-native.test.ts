import { execFile } from "node:child_process";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { Runtime } from "@millrace/native";
import { packageNative } from "../../scripts/package-native.mjs";
import { temporaryFolder } from "../support/command-line.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

const program = `
  import { readFile } from "node:fs/promises";
  import { Session } from "@millrace/native";
  const session = await Session.create(await readFile(process.argv[2]));
  const steps = { type: "int64", dims: [], data: BigInt64Array.of(2n) };
  const { y } = await session.run({ steps, x: { type: "float32", dims: [1, 48], data: new Float32Array(48) } });
  await session.close();
  const loaded = process.report.getReport().sharedObjects.filter((path) => path.endsWith(".node"));
  console.log(JSON.stringify({ dims: y.dims, loaded }));`;

if (!Runtime.isPresent()) process.stderr.write(`skipped: no native binding to pack: ${Runtime.whyAbsent()}\n`);

(Runtime.isPresent() ? test : test.skip)(
  "the packed binding runs where npm installs it, without a registry",
  async () => {
    const folder = await temporaryFolder();
    const tarballs = await packageNative(root, join(folder, "packed"));
    const [main = "", addon = ""] = tarballs.map((path) => `file:${path}`);
    const addonName = `@millrace/${/native-(linux|darwin)-\w+(-gnu)?/.exec(addon)?.[0]}`;
    const dependencies = { "@millrace/native": main, [addonName]: addon };
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
    await run("npm", ["install", "--offline", "--ignore-scripts", "--legacy-peer-deps", "--no-audit"], { cwd: folder });
    const onnxRuntime = dirname(
      createRequire(join(root, "packages/workers/package.json")).resolve("onnxruntime-node/package.json"),
    );
    await symlink(onnxRuntime, join(folder, "node_modules/onnxruntime-node"));
    await writeFile(join(folder, "program.js"), program);
    const { stdout } = await run(process.execPath, ["program.js", join(root, "tests/golden/native/slow.onnx")], {
      cwd: folder,
    });
    const { dims, loaded } = JSON.parse(stdout);
    expect(dims).toEqual([1, 48]);
    expect(loaded).toEqual([expect.stringContaining(join(folder, "node_modules", addonName))]);
    const installed = JSON.parse(await readFile(join(folder, "node_modules/@millrace/native/package.json"), "utf8"));
    expect(installed.optionalDependencies).toHaveProperty([addonName], installed.version);
    expect(Object.keys(installed.optionalDependencies)).toHaveLength(3);
  },
);
