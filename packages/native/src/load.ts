import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type * as Addon from "./addon.js";

const require = createRequire(import.meta.url);

/** Rust's triples, where the addon is built or published for them, by Node's names of platforms. */
const targets: Readonly<Record<string, string>> = {
  "linux-x64": "linux-x64-gnu",
  "linux-arm64": "linux-arm64-gnu",
  "darwin-arm64": "darwin-arm64",
};

/** Why the addon is not there; undefined where it is. Nothing is thrown: who cannot have it does without. */
export let whyAbsent: string | undefined;

/** The addon: the one built in this folder, else the one that was published for this platform. */
export const addon: typeof Addon | undefined = load();

function load(): typeof Addon | undefined {
  const target = targets[`${process.platform}-${process.arch}`];
  if (target === undefined) whyAbsent = `there is none for ${process.platform} on ${process.arch}`;
  if (target === undefined) return undefined;
  try {
    return required(`../millrace-native.${target}.node`) ?? required(`@millrace/native-${target}`);
  } catch (error) {
    whyAbsent = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    return undefined;
  }
}

/** Undefined where the file is not there; that it is there and cannot be loaded is another matter. */
function required(specifier: string): typeof Addon | undefined {
  try {
    return require(specifier) as typeof Addon;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    whyAbsent = "it is not built here: npm run build builds it where cargo is found";
    return undefined;
  }
}

/** The ONNX Runtime library that the package onnxruntime-node brings, so that a process never holds two. */
export function bundledLibrary(): string {
  const name = process.platform === "darwin" ? "libonnxruntime.1.dylib" : "libonnxruntime.so.1";
  const folder = dirname(require.resolve("onnxruntime-node/package.json"));
  return join(folder, "bin", "napi-v6", process.platform, process.arch, name);
}
