import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import type { Finding } from "./finding.js";
import { reasonOf } from "./load-error.js";
import { findNativeBinding } from "./native.js";

interface Binding {
  readonly name: string;
  readonly package: string;
  /** JavaScript that makes `detail` of the loaded module `binding`. */
  readonly describe: string;
}

const bindings: readonly Binding[] = [
  {
    name: "onnx runtime",
    package: "onnxruntime-node",
    describe:
      "binding.env.versions.node + ', providers ' + binding.listSupportedBackends().filter((one) => one.bundled).map((one) => one.name).join(' ')",
  },
  {
    name: "tokenizers",
    package: "tokenizers",
    describe: "typeof binding.Tokenizer === 'function' ? 'loads' : 'loads, but is empty'",
  },
  {
    name: "lancedb",
    package: "@lancedb/lancedb",
    describe: "typeof binding.connect === 'function' ? 'loads' : 'loads, but is empty'",
  },
];

/** Slow disks take their time with a library of a hundred megabytes. */
const loadTimeoutMs = 30_000;

/** Loads each native library in a process of its own: one that crashes must not take the doctor with it. */
export function findBindings(): readonly Promise<Finding>[] {
  return [...bindings.map(findBinding), findNativeBinding()];
}

async function findBinding({ name, package: packageName, describe }: Binding): Promise<Finding> {
  try {
    const path = createRequire(import.meta.url).resolve(packageName);
    const script = `const binding = require(process.argv[1]); process.stdout.write(${describe})`;
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", script, path], { timeout: loadTimeoutMs });
    return { name, status: "ok", detail: stdout };
  } catch (error) {
    return {
      name,
      status: "fail",
      detail: reasonOf(error),
      fix: `Reinstall ${packageName} for ${process.platform}-${process.arch}`,
    };
  }
}
