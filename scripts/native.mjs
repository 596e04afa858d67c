import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../packages/cli/bin/node-version.mjs";
import { fail } from "./failure.mjs";
import { withProgress } from "./progress.mjs";

/** What the addon's file is called, by Node's name of the platform. @type {Readonly<Record<string, string>>} */
export const addonTargets = {
  "linux-x64": "linux-x64-gnu",
  "linux-arm64": "linux-arm64-gnu",
  "darwin-arm64": "darwin-arm64",
};

/** What cargo says where it is this machine that cannot build, not the sources. */
const notOurs = [
  { sign: /rustc \S+ is not supported|requires rustc|edition2024/, why: "its Rust is too old" },
  { sign: /linker `\S+` not found/, why: "there is no C linker" },
  { sign: /failed to (download|get|fetch)|Could not resolve|spurious network/i, why: "the crates cannot be fetched" },
];

/**
 * Puts the native addon into `packages/native`: from the cache, where a build of the same sources lies, else by cargo.
 * Where neither can be, a line says so and nothing else happens: millrace does without.
 * @param {string} root
 * @param {{ mayCompile: boolean }} options Compiling takes minutes the first time; a demonstration does not wait for it.
 */
export async function provideAddon(root, { mayCompile }) {
  const folder = join(root, "packages", "native");
  const target = addonTargets[`${process.platform}-${process.arch}`];
  if (target === undefined) return;
  const digest = await digestOf(folder);
  const kept = join(cacheFolder(), "native", "built", `${digest}.${target}.node`);
  const stamp = join(folder, ".addon");
  const isThere = existsSync(join(folder, `millrace-native.${target}.node`));
  if (isThere && (await readFile(stamp, "utf8").catch(() => "")) === digest) return;
  if (!existsSync(kept)) {
    if (!mayCompile) return;
    const why = await compile(folder, kept);
    if (why !== undefined) {
      process.stderr.write(`• the native binding is not built: ${why}; onnxruntime-node's own is used\n`);
      return;
    }
  }
  await replace(kept, join(folder, `millrace-native.${target}.node`));
  await writeFile(stamp, digest);
}

/** sha256 of all that cargo builds from. @param {string} folder */
async function digestOf(folder) {
  const sources = (await readdir(join(folder, "rust"))).sort().map((name) => join("rust", name));
  const hash = createHash("sha256");
  for (const name of ["Cargo.toml", "Cargo.lock", "build.rs", ...sources]) {
    hash.update(`${name}\0`).update(await readFile(join(folder, name)));
  }
  return hash.digest("hex").slice(0, 32);
}

/**
 * Builds into a target folder outside the clone, so that another clone compiles only what changed.
 * @param {string} folder
 * @param {string} kept Where the result goes.
 * @returns {Promise<string | undefined>} Why it could not be built on this machine.
 */
async function compile(folder, kept) {
  const cache = join(cacheFolder(), "native");
  await mkdir(join(cache, "built"), { recursive: true });
  const types = await mkdtemp(join(cache, "types-"));
  try {
    const env = { ...process.env, CARGO_TARGET_DIR: join(cache, "target"), NAPI_TYPE_DEF_TMP_FOLDER: types };
    if ((await cargo(["--version"], { cwd: folder, env })).code !== 0) return "cargo is not found";
    const title = "building the native binding (once; the first time takes a few minutes)";
    const args = ["build", "--release", "--locked", "--color", "never"];
    const { code, output } = await withProgress(title, () => cargo(args, { cwd: folder, env }));
    if (code !== 0) {
      const known = notOurs.find(({ sign }) => sign.test(output));
      if (known !== undefined) return known.why;
      process.stderr.write(output.slice(output.search(/^error/m)));
      fail("E_RUNTIME", "the native binding does not compile: see the messages above");
    }
    const library = process.platform === "darwin" ? "libmillrace_native.dylib" : "libmillrace_native.so";
    await replace(join(cache, "target", "release", library), kept);
    await writeTypes(types, join(folder, "src", "addon.ts"));
    return undefined;
  } finally {
    await rm(types, { recursive: true, force: true });
  }
}

/** @param {readonly string[]} args @param {{ cwd: string, env: NodeJS.ProcessEnv }} options */
function cargo(args, { cwd, env }) {
  return /** @type {Promise<{ code: number | null, output: string }>} */ (
    new Promise((resolve) => {
      const child = spawn("cargo", args, { cwd, env, stdio: ["ignore", "ignore", "pipe"] });
      let output = "";
      child.stderr.on("data", (data) => (output += data));
      child.on("error", () => resolve({ code: null, output }));
      child.on("close", (code) => resolve({ code, output }));
    })
  );
}

/** A process that has the old file mapped keeps it: the name is given to another file. @param {string} from @param {string} to */
async function replace(from, to) {
  const fresh = `${to}.${process.pid}.new`;
  await copyFile(from, fresh);
  await rename(fresh, to);
}

/**
 * Writes the types that napi-derive leaves where the crate was compiled. Nothing was left where it was not.
 * @param {string} folder
 * @param {string} path
 */
async function writeTypes(folder, path) {
  const files = await readdir(folder);
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  const lines = texts.join("\n").split("\n").filter(Boolean);
  if (lines.length > 0) await writeFile(path, typesOf(lines.map((line) => JSON.parse(line))));
}

/**
 * @typedef {{ kind: "fn" | "interface" | "struct" | "impl", name: string, js_doc: string, def: string }} Definition
 * @param {readonly Definition[]} definitions As napi-derive writes them: a class is a struct, its members an impl.
 */
export function typesOf(definitions) {
  const blocks = definitions.flatMap(({ kind, name, js_doc: doc, def }) => {
    if (kind === "fn") return [`${doc}export declare ${def};\n`];
    if (kind === "interface") return [`${doc}export interface ${name} {\n${def}\n}\n`];
    if (kind === "impl") return [];
    const members = definitions.find((other) => other.kind === "impl" && other.name === name)?.def ?? "";
    return [`${doc}export declare class ${name} {\nprivate constructor();\n${members}\n}\n`];
  });
  return `// Written by scripts/native.mjs from packages/native/rust: change it there.\n\n${blocks.join("\n")}`;
}
