import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { Runtime } from "@millrace/native";
import { temporaryFolder } from "../support/command-line.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = pathToFileURL(join(root, "scripts/native.mjs")).href;

/** Provides the addon in a copy of the sources, with an empty cache and only `tools` on the path. */
async function provide(mayCompile: boolean, tools: Readonly<Record<string, string>> = {}) {
  const folder = await temporaryFolder();
  const from = join(root, "packages/native");
  for (const name of ["rust", "Cargo.toml", "Cargo.lock", "build.rs"]) {
    await cp(join(from, name), join(folder, "packages/native", name), { recursive: true });
  }
  await mkdir(join(folder, "bin"));
  for (const [name, text] of Object.entries(tools)) await writeFile(join(folder, "bin", name), text, { mode: 0o755 });
  const code = `import { provideAddon } from "${script}"; await provideAddon(${JSON.stringify(folder)}, { mayCompile: ${mayCompile} });`;
  const env = { PATH: `${join(folder, "bin")}:/bin:/usr/bin`, MILLRACE_CACHE: join(folder, "cache"), HOME: folder };
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], { env });
  const { stderr } = await run.catch((error: { stderr: string }) => error);
  const addons = (await readdir(join(folder, "packages/native"))).filter((name) => name.endsWith(".node"));
  return { stderr, addons };
}

const cargo = (output: string) => `#!/bin/sh\n[ "$1" = --version ] && exit 0\necho '${output}' >&2\nexit 101\n`;

describe("the native binding", () => {
  test("without cargo, one line says what happens instead", async () => {
    const { stderr, addons } = await provide(true, { cargo: "#!/bin/sh\nexit 127\n" });
    expect(stderr).toBe("• the native binding is not built: cargo is not found; onnxruntime-node's own is used\n");
    expect(addons).toEqual([]);
  });

  test("is not compiled while a demonstration waits", async () => {
    const { stderr } = await provide(false, { cargo: "#!/bin/sh\necho compiling >&2; exit 1\n" });
    expect(stderr).toBe("");
  });

  test.each([
    ["error: rustc 1.80.0 is not supported by the following packages", "its Rust is too old"],
    ["error: failed to download from a registry", "the crates cannot be fetched"],
    ["error: linker `cc` not found", "there is no C linker"],
  ])("%s", async (output, why) => {
    expect((await provide(true, { cargo: cargo(output) })).stderr).toContain(`is not built: ${why};`);
  });

  test("that does not compile is an error, with the compiler's words", async () => {
    const { stderr } = await provide(true, { cargo: cargo("noise\nerror[E0308]: mismatched types") });
    expect(stderr).toContain("error[E0308]: mismatched types");
    expect(stderr).toContain("does not compile");
  });

  test("has the types that are committed", async () => {
    if (!Runtime.isPresent()) return;
    const folder = join(root, "packages/native");
    const [name = ""] = (await readdir(folder)).filter((file) => file.endsWith(".node"));
    const addon = createRequire(import.meta.url)(join(folder, name)) as Record<string, { prototype?: object }>;
    const types = await readFile(join(folder, "src/addon.ts"), "utf8");
    const declared = [...types.matchAll(/^export declare (?:function|class) (\w+)/gm)].map((match) => match[1]);
    expect(declared.sort()).toEqual(Object.keys(addon).sort());
    for (const [className, { prototype = {} }] of Object.entries(addon).filter(([key]) => /^[A-Z]/.test(key))) {
      const body = types.slice(types.indexOf(`declare class ${className} {`)).split("\n}\n", 1)[0] ?? "";
      const members = [...body.matchAll(/^\s*(?:get )?(\w+)\(/gm)].map((match) => match[1]);
      const actual = Object.getOwnPropertyNames(prototype).filter((key) => key !== "constructor");
      expect(members.filter((key) => key !== "constructor").sort()).toEqual(actual.sort());
    }
  });
});
