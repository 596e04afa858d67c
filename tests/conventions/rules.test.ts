import { describe, expect, test } from "@jest/globals";
import { type Module, parseModule, readModules } from "./modules.ts";
import { rules } from "./rules.ts";

const modules = readModules();

describe("sources", () => {
  test("are found", () => {
    expect(modules.map(({ path }) => path)).toContain("packages/core/src/index.ts");
  });

  test.each(rules)("$name", ({ check }) => {
    expect(check(modules)).toEqual([]);
  });
});

type Sources = Readonly<Record<string, string>>;

/** For each rule, sources that break it and sources that come close without breaking it. */
const examples: Readonly<Record<string, { readonly bad: readonly Sources[]; readonly good: readonly Sources[] }>> = {
  "each package imports only what its layer may": {
    bad: [
      { "packages/core/src/a.ts": 'import { readFile } from "node:fs";' },
      { "packages/core/src/a.ts": 'import type { Table } from "apache-arrow";' },
      { "packages/core/src/a.ts": 'const uuid = await import("uuid");' },
      { "packages/workflows/src/a.ts": 'import { a } from "@millrace/workers";' },
      { "packages/workflows/src/a.ts": 'import { sleep } from "@temporalio/workflow";' },
      { "packages/workflows/src/temporal/a.ts": 'import "node:fs";' },
      { "packages/compiler/src/a.ts": 'export { v5 } from "uuid";' },
      { "packages/native/src/a.ts": 'import { Tensor } from "onnxruntime-node";' },
      { "packages/workers/src/a.ts": 'import { run } from "@millrace/workflows";' },
      { "packages/workers/src/a.ts": 'import { run } from "millrace";' },
    ],
    good: [
      { "packages/core/src/a.ts": '/** import { a } from "node:fs"; */ const text = `import "x"`;' },
      { "packages/workflows/src/temporal/a.ts": 'import { sleep } from "@temporalio/workflow";' },
      {
        "packages/compiler/src/a.ts":
          'import { Writer } from "protobufjs/minimal.js";\nimport { open } from "node:fs";',
      },
      { "packages/workers/src/a.ts": 'import { compile } from "@millrace/compiler";' },
    ],
  },
  "relative imports stay in their package": {
    bad: [{ "packages/cli/src/a.ts": 'import { b } from "../../workers/src/b.js";' }],
    good: [{ "packages/cli/src/commands/a.ts": 'import { b } from "../b.js";' }],
  },
  "core imports only modules that come earlier in its index": {
    bad: [
      core('export { b } from "./b.js";\nexport { a } from "./a.js";', { b: 'import { a } from "./a.js";', a: "" }),
      core('export { a } from "./a.js";', { a: "", b: "" }),
    ],
    good: [
      core('export { a } from "./a.js";\nexport { b } from "./b.js";', { a: "", b: 'import { a } from "./a.js";' }),
    ],
  },
  "a vendor is imported in one folder of workers only": {
    bad: [
      {
        "packages/workers/src/sinks/a.ts": 'import type { Table } from "uuid";',
        "packages/workers/src/arrow/b.ts": 'import { v5 } from "uuid/v5";',
      },
      { "packages/workers/src/engines/a.ts": 'await import("uuid");', "packages/workers/src/b.ts": 'import "uuid";' },
      {
        "packages/workers/src/engines/a.ts": 'import type { Table } from "apache-arrow";',
        "packages/workers/src/arrow/b.ts": 'import type { Table } from "apache-arrow";',
      },
    ],
    good: [
      {
        "packages/workers/src/sinks/a.ts": 'import { open } from "node:fs";\nimport { parse } from "yaml";',
        "packages/workers/src/sinks/lance/b.ts": 'import { parse } from "yaml";',
        "packages/workers/src/arrow/b.ts": 'import { open } from "node:fs";',
      },
    ],
  },
  "only cli/compose.ts and cli/compose/ take values from workers": {
    bad: [{ "packages/cli/src/commands/a.ts": 'import { type A, b } from "@millrace/workers";' }],
    good: [
      { "packages/cli/src/compose.ts": 'import { b } from "@millrace/workers";' },
      { "packages/cli/src/commands/a.ts": 'import { type A, type B } from "@millrace/workers";' },
      { "packages/cli/src/commands/a.ts": 'import type { A } from "@millrace/workers";' },
    ],
  },
  "only cli/config.ts reads the environment": {
    bad: [
      { "packages/workers/src/a.ts": "const home = process.env.HOME;" },
      { "packages/workers/src/a.ts": `const path = \`\${process.env["HOME"]}/a\`;` },
    ],
    good: [
      { "packages/cli/src/config.ts": "export const read = () => process.env;" },
      { "packages/cli/bin/a.mjs": "export const read = () => process.env;" },
      { "packages/workers/src/a.ts": "// never process.env" },
    ],
  },
  "packages are imported by their entry points": {
    bad: [
      { "tests/a.test.ts": 'import { a } from "../packages/core/src/a.ts";' },
      { "benchmarks/a.bench.mjs": 'import { a } from "@millrace/workers/dist/a.js";' },
      { "packages/cli/src/a.ts": 'import { a } from "@millrace/core/src/a.js";' },
    ],
    good: [
      { "tests/a.test.ts": 'import { a } from "@millrace/core";\nimport { b } from "../packages/cli/bin/b.mjs";' },
    ],
  },
  "no import cycles": {
    bad: [
      {
        "packages/cli/src/a.ts": 'import { b } from "./commands/b.js";',
        "packages/cli/src/commands/b.ts": 'import type { C } from "../c.js";',
        "packages/cli/src/c.ts": 'import { a } from "./a.js";',
      },
    ],
    good: [
      {
        "packages/cli/src/a.ts": 'import { b } from "./b.js";\nimport { c } from "./c.js";',
        "packages/cli/src/b.ts": 'import { c } from "./c.js";',
        "packages/cli/src/c.ts": "",
      },
    ],
  },
  "no default exports": {
    bad: [{ "scripts/a.mjs": "export default {};" }, { "packages/cli/src/a.ts": "export { a as default };" }],
    good: [{ "jest.config.mjs": "export default {};" }, { "scripts/a.mjs": 'const text = "export default";' }],
  },
  "no export *": {
    bad: [
      { "packages/cli/src/a.ts": 'export * from "./b.js";' },
      { "packages/cli/src/a.ts": 'export * as b from "./b.js";' },
    ],
    good: [{ "packages/cli/src/a.ts": "export const product = 2 * 3;" }],
  },
  "no any": {
    bad: [
      { "packages/cli/src/a.ts": "export const a = (value: any) => value;" },
      { "packages/cli/src/a.ts": "export const a = value as any;" },
      { "packages/cli/src/a.ts": "export const a: Map<string, any> = new Map();" },
    ],
    good: [
      {
        "packages/cli/src/a.ts":
          'const a: unknown = AbortSignal.any([]); // any\nconst b = /["`]/; const c = "x: any";',
      },
    ],
  },
};

function core(index: string, files: Sources): Sources {
  const named = Object.entries(files).map(([name, source]) => [`packages/core/src/${name}.ts`, source]);
  return { "packages/core/src/index.ts": index, ...Object.fromEntries(named) };
}

function parse(sources: Sources): readonly Module[] {
  return Object.entries(sources).map(([path, source]) => parseModule(path, source));
}

describe("every rule can fail", () => {
  test.each(rules)("$name", ({ name, check }) => {
    const { bad, good } = examples[name] ?? { bad: [], good: [] };
    expect(bad.length).toBeGreaterThan(0);
    for (const sources of bad)
      expect({ sources, broken: check(parse(sources)).length }).toEqual({ sources, broken: 1 });
    for (const sources of good) expect({ sources, broken: check(parse(sources)) }).toEqual({ sources, broken: [] });
  });
});
