import { describe, expect, test } from "@jest/globals";
import { listFiles, parseModule, readModules, readText } from "./modules.ts";
import {
  type Lockfile,
  looseVersions,
  type Manifest,
  missingPlatforms,
  undeclaredImports,
  unusedDependencies,
} from "./packages.ts";

const modules = readModules();
const manifests = listFiles()
  .filter((path) => /^packages\/[^/]+\/package\.json$/.test(path))
  .map(readManifest);

/** Tools of the repository that a configuration or a script names. */
const toolFiles = [
  "infra/grafana/panels.mjs",
  "jest.config.mjs",
  "biome.json",
  "turbo.json",
  "tsconfig.base.json",
  ...listFiles().filter(isScript),
];
const peersOfTools = new Set(["@swc/core", "@types/node"]);

function isScript(path: string): boolean {
  return /^(scripts|tests)\/.*\.(mjs|ts)$/.test(path) && !path.startsWith("tests/conventions/");
}

function readManifest(path: string): Manifest {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readText(path)) as Partial<Manifest>;
  return { folder: path.replace(/\/?package\.json$/, ""), dependencies, devDependencies };
}

describe.each(manifests)("$folder", (manifest) => {
  test("pins its dependencies", () => expect(looseVersions(manifest)).toEqual([]));
  test("imports every dependency", () => expect(unusedDependencies(manifest, modules)).toEqual([]));
  test("declares every import", () => expect(undeclaredImports(manifest, modules)).toEqual([]));
});

describe("the repository", () => {
  const manifest = readManifest("package.json");

  test("pins its tools", () => {
    expect(looseVersions(manifest)).toEqual([]);
  });

  test("locks the packages of every platform", () => {
    expect(missingPlatforms(JSON.parse(readText("package-lock.json")) as Lockfile)).toEqual([]);
  });

  test("uses every tool", () => {
    const texts = toolFiles.map(readText).join("\n");
    const unused = Object.keys(manifest.devDependencies).filter(
      (name) => !texts.includes(name) && !peersOfTools.has(name),
    );
    expect(unused).toEqual([]);
  });
});

describe("every rule can fail", () => {
  const folder = "packages/a";
  const manifest = {
    folder,
    dependencies: { uuid: "^14.0.3", yaml: "2.9.1", "@millrace/core": "0.1.0" },
    devDependencies: { "@types/mdast": "4.0.4" },
  };
  const source =
    'import { v5 } from "uuid/v5";\nimport { X } from "@millrace/core";\nimport "zod";\nimport "node:fs";\nimport type { Root } from "mdast";';

  test("a range of versions", () => expect(looseVersions(manifest)).toEqual(["packages/a: uuid ^14.0.3"]));

  test("a lockfile without a platform's package", () => {
    const optionalDependencies = { "@a/linux": "1.0.0", "@a/darwin": "1.0.0" };
    const packages = { "node_modules/b/node_modules/a": { optionalDependencies }, "node_modules/@a/linux": {} };
    expect(missingPlatforms({ packages })).toEqual(["node_modules/b/node_modules/a: @a/darwin"]);
  });

  test("a dependency that is not imported, and an import that is not declared", () => {
    const own = [
      parseModule(`${folder}/src/index.ts`, source),
      parseModule("packages/b/src/index.ts", 'import "yaml";'),
    ];
    expect(unusedDependencies(manifest, own)).toEqual(["packages/a: yaml"]);
    expect(undeclaredImports(manifest, own)).toEqual(["packages/a: zod"]);
  });
});
