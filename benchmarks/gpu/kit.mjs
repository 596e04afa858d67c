import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installProvider } from "@millrace/workers";
import { trimProvider } from "./trim-provider.mjs";

/**
 * Packs the benchmark for a machine that has a GPU, CUDA 13 and Python, and neither Node nor a network: two parts of at most
 * 60 MiB, made of Node, ONNX Runtime with its provider for one architecture of GPUs, the engines, and the benchmark itself.
 * usage: node benchmarks/gpu/kit.mjs OUT [--from WHEEL] [--architecture 90]; it needs xz, and cc for an empty libcurand.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: "string" },
    architecture: { type: "string", default: "90" },
    python: { type: "string", default: "python3" },
  },
});
const [out] = positionals;
if (out === undefined) throw new Error("say where the kit is to be put");

const howToRun = `Copy p1 and p2 to the machine, and there:
  python3 p1/unpack.py p1 kit && python3 p2/unpack.py p2 kit && cd kit
  LD_LIBRARY_PATH=$PWD/stub:$LD_LIBRARY_PATH ./node benchmarks/gpu.bench.mjs --cache cache --out gpu.json
`;

const mostBytes = 60 * 2 ** 20;
const providerName = "libonnxruntime_providers_cuda.so";
const root = fileURLToPath(new URL("../..", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "millrace-kit-"));
try {
  await build();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function build() {
  const tree = join(scratch, "tree");
  const install = (/** @type {string} */ cacheDirectory, /** @type {string | undefined} */ from) =>
    installProvider({
      cacheDirectory,
      python: values.python,
      ...(from && { from }),
      isOffline: false,
      report: (line) => void process.stderr.write(`${line}\n`),
    });
  const whole = bindingOf((await install(join(scratch, "whole"), values.from)).folder);
  const trimmed = join(scratch, "trimmed");
  mkdirSync(trimmed);
  for (const name of readdirSync(whole).filter((file) => file.endsWith(".so") || file.endsWith(".so.1")))
    cpSync(join(whole, name), join(trimmed, name));
  const provider = join(trimmed, providerName);
  const kept = await trimProvider(join(whole, providerName), provider, Number(values.architecture));
  process.stderr.write(`the provider's code for sm_${values.architecture} is ${Math.round(kept / 1e6)} MB\n`);
  const binding = bindingOf((await install(join(tree, "cache"), trimmed)).folder);
  rmSync(join(binding, providerName));
  copyTree(tree, binding);
  const runtime = relative(tree, binding);
  const packed = join(scratch, "tree.tar.xz");
  execFileSync("sh", ["-c", `tar -C '${tree}' -cf - . | xz -6 > '${packed}'`]);
  execFileSync("sh", ["-c", `xz -3 -c '${provider}' > '${provider}.xz'`]);
  writePart("p1", { runtime, files: [`${provider}.xz`], digests: [[provider, join(runtime, providerName)]] });
  writePart("p2", { runtime, files: [packed], digests: [[join(tree, "node"), "node"]] });
  process.stdout.write(howToRun);
}

/** @param {string} folder That `installProvider` made. */
function bindingOf(folder) {
  return join(folder, "node_modules/onnxruntime-node/bin/napi-v6/linux/x64");
}

/** Everything but the provider, laid out as the project is. @param {string} tree @param {string} binding */
function copyTree(tree, binding) {
  const copy = (/** @type {string} */ path) =>
    cpSync(join(root, path), join(tree, path), {
      recursive: true,
      filter: (source) => !/\.(d\.ts|map|tsbuildinfo)$/.test(source),
    });
  for (const path of ["benchmarks/gpu.bench.mjs", "benchmarks/gpu", "benchmarks/report.mjs", "packages/cli/bin"])
    copy(path);
  for (const name of ["core", "compiler", "native", "workers"]) {
    copy(`packages/${name}/package.json`);
    copy(`packages/${name}/dist`);
    mkdirSync(join(tree, "node_modules/@millrace"), { recursive: true });
    symlinkSync(`../../packages/${name}`, join(tree, "node_modules/@millrace", name));
  }
  copy("packages/cli/package.json");
  for (const name of ["protobufjs", "@protobufjs", "long", "onnxruntime-common"])
    if (existsSync(join(root, "node_modules", name))) copy(`node_modules/${name}`);
  // npm's core can do more than is needed here, and is larger: the one that was built with the provider serves both.
  const ofNpm = join(tree, "node_modules/onnxruntime-node");
  for (const part of ["package.json", "dist"]) copy(`node_modules/onnxruntime-node/${part}`);
  mkdirSync(join(ofNpm, "bin/napi-v6/linux"), { recursive: true });
  symlinkSync(relative(join(ofNpm, "bin/napi-v6/linux"), binding), join(ofNpm, "bin/napi-v6/linux/x64"));
  cpSync(process.execPath, join(tree, "node"));
  execFileSync("strip", [join(tree, "node")]);
  mkdirSync(join(tree, "stub"));
  const source = join(scratch, "stub.c");
  writeFileSync(source, "int curand_stub(void) { return 0; }\n");
  execFileSync("cc", [
    "-shared",
    "-fPIC",
    "-Wl,-soname,libcurand.so.10",
    source,
    "-o",
    join(tree, "stub/libcurand.so.10"),
  ]);
}

/**
 * @param {string} name
 * @param {{ runtime: string, files: string[], digests: [string, string][] }} part `digests`: a file here, and where it will be.
 */
function writePart(name, { runtime, files, digests }) {
  const folder = join(String(out), name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of files) cpSync(file, join(folder, file.slice(dirname(file).length + 1)));
  cpSync(join(here, "unpack.py"), join(folder, "unpack.py"));
  writeFileSync(join(folder, "runtime"), `${runtime}\n`);
  const lines = digests.map(
    ([path, place]) => `${createHash("sha256").update(readFileSync(path)).digest("hex")}  ${place}\n`,
  );
  writeFileSync(join(folder, "sha256"), lines.join(""));
  const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  process.stderr.write(`${name}: ${(bytes / 2 ** 20).toFixed(1)} MiB\n`);
  if (bytes > mostBytes) throw new Error(`${name} is larger than 60 MiB`);
}
