import { builtinModules } from "node:module";
import { posix } from "node:path";
import type { Import, Module } from "./modules.ts";

/** A rule about modules; it returns one line for each place that breaks it. */
export interface Rule {
  readonly name: string;
  readonly check: (modules: readonly Module[]) => readonly string[];
}

const imports = {
  core: "@millrace/core",
  compiler: "@millrace/compiler",
  workers: "@millrace/workers",
  workflows: "@millrace/workflows",
  native: "@millrace/native",
};
const ownPackages: readonly string[] = Object.values(imports);
const isOwn = (specifier: string) => ownPackages.includes(specifier);
const isRelative = (specifier: string) => specifier.startsWith(".");
const isBuiltin = (specifier: string) => specifier.startsWith("node:") || builtinModules.includes(specifier);
const isVendor = (specifier: string) => !isOwn(specifier) && !isRelative(specifier) && !isBuiltin(specifier);

/** What a folder may import besides its own files; the first line whose folder matches is the one in force. */
const layers: readonly { readonly folder: string; readonly may: (specifier: string) => boolean }[] = [
  { folder: "packages/core/src/", may: () => false },
  {
    folder: "packages/workflows/src/temporal/",
    may: (specifier) => specifier === imports.core || specifier === "@temporalio/workflow",
  },
  { folder: "packages/workflows/src/", may: (specifier) => specifier === imports.core },
  {
    folder: "packages/compiler/src/",
    may: (specifier) => specifier === imports.core || isBuiltin(specifier) || packageName(specifier) === "protobufjs",
  },
  { folder: "packages/native/src/", may: isBuiltin },
  {
    folder: "packages/workers/src/",
    may: (specifier) => specifier !== imports.workflows && packageName(specifier) !== "millrace",
  },
  { folder: "packages/cli/src/", may: () => true },
];

export const rules: readonly Rule[] = [
  {
    name: "each package imports only what its layer may",
    check: eachImport(({ path }, { specifier }) => {
      const layer = layers.find(({ folder }) => path.startsWith(folder));
      return layer !== undefined && !isRelative(specifier) && !layer.may(specifier);
    }),
  },
  {
    name: "relative imports stay in their package",
    check: eachImport(({ path }, { specifier }) => {
      const home = /^packages\/[^/]+\/src\//.exec(path)?.[0];
      return home !== undefined && isRelative(specifier) && !resolved(path, specifier).startsWith(home);
    }),
  },
  { name: "core imports only modules that come earlier in its index", check: coreOrder },
  { name: "a vendor is imported in one folder of workers only", check: oneFolderPerVendor },
  {
    name: "only cli/compose.ts and cli/compose/ take values from workers",
    check: eachImport(
      ({ path }, { specifier, isType }) =>
        path.startsWith("packages/cli/src/") &&
        !path.startsWith("packages/cli/src/compose") &&
        packageName(specifier) === imports.workers &&
        !isType,
    ),
  },
  {
    name: "only cli/config.ts reads the environment",
    check: eachModule(
      ({ path, code }) =>
        /^packages\/[^/]+\/src\//.test(path) &&
        path !== "packages/cli/src/config.ts" &&
        /\bprocess\s*\.\s*env\b/.test(code),
    ),
  },
  {
    name: "packages are imported by their entry points",
    check: eachImport(
      ({ path }, { specifier }) =>
        /^@millrace\/[^/]+\//.test(specifier) ||
        (!path.startsWith("packages/") &&
          isRelative(specifier) &&
          /^packages\/[^/]+\/(src|dist)\b/.test(resolved(path, specifier))),
    ),
  },
  { name: "no import cycles", check: importCycles },
  {
    name: "no default exports",
    check: eachModule(
      ({ path, code }) =>
        !mayExportDefault.some((pattern) => pattern.test(path)) && /\bexport\s+default\b|\bas\s+default\b/.test(code),
    ),
  },
  { name: "no export *", check: eachModule(({ code }) => /\bexport\s*(type\s*)?\*/.test(code)) },
  {
    name: "no any",
    check: eachModule(
      ({ path, code }) => path.endsWith(".ts") && /(?:[:<,|&]|=>|\bas|\bextends)\s*any\b(?!\s*[:(])/.test(code),
    ),
  },
];

/** Vendors that more than one folder of workers may import, and why. */
const sharedVendors: Readonly<Record<string, readonly string[]>> = {
  /** LanceDB takes and returns Arrow tables. */
  "apache-arrow": ["arrow", "sinks"],
  /** Parquet is read as a corpus, and read back where an export continues. */
  hyparquet: ["formats", "sinks"],
};

/** Files that a tool reads by their default export. */
const mayExportDefault = [/^[^/]+\.config\.mjs$/, /^tests\/support\//];

function eachModule(isBroken: (module: Module) => boolean): Rule["check"] {
  return (modules) => modules.filter(isBroken).map(({ path }) => path);
}

function eachImport(isBroken: (module: Module, found: Import) => boolean): Rule["check"] {
  return (modules) =>
    modules.flatMap((module) =>
      module.imports
        .filter((found) => isBroken(module, found))
        .map(({ specifier }) => `${module.path} imports ${specifier}`),
    );
}

/** The name to install: `@scope/name` or `name`, without a path inside it. */
export function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** The source file a relative import means: packages write `.js` for a `.ts`. */
function resolved(path: string, specifier: string): string {
  const target = posix.join(posix.dirname(path), specifier);
  return path.startsWith("packages/") && path.endsWith(".ts") ? target.replace(/\.js$/, ".ts") : target;
}

function coreOrder(modules: readonly Module[]): readonly string[] {
  const index = modules.find(({ path }) => path === "packages/core/src/index.ts");
  const order = index?.imports.map(({ specifier }) => resolved(index.path, specifier)) ?? [];
  const core = modules.filter(({ path }) => path.startsWith("packages/core/src/") && path !== index?.path);
  return core.flatMap(({ path, imports }) => {
    const place = order.indexOf(path);
    if (place < 0) return [`${path} is not in the index`];
    const later = imports.filter(({ specifier }) => !order.slice(0, place).includes(resolved(path, specifier)));
    return later.map(({ specifier }) => `${path} imports ${specifier}`);
  });
}

function oneFolderPerVendor(modules: readonly Module[]): readonly string[] {
  const prefix = "packages/workers/src/";
  const folders = new Map<string, Set<string>>();
  for (const { path, imports } of modules.filter(({ path }) => path.startsWith(prefix))) {
    const folder = posix.dirname(path.slice(prefix.length)).split("/", 1).join("");
    for (const { specifier } of imports.filter(({ specifier }) => isVendor(specifier))) {
      const name = packageName(specifier);
      folders.set(name, (folders.get(name) ?? new Set()).add(folder));
    }
  }
  const spread = [...folders].filter(
    ([name, used]) => used.size > 1 && [...used].some((folder) => !sharedVendors[name]?.includes(folder)),
  );
  return spread.map(([name, used]) => `${name} is imported in ${[...used].sort().join(", ")}`);
}

/** One line for each cycle that a depth-first walk closes. */
function importCycles(modules: readonly Module[]): readonly string[] {
  const targets = new Map(
    modules.map(({ path, imports }) => [
      path,
      imports.filter(({ specifier }) => isRelative(specifier)).map(({ specifier }) => resolved(path, specifier)),
    ]),
  );
  const finished = new Set<string>();
  const cycles: string[] = [];
  const walk = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path].join(" → "));
    if (start >= 0 || finished.has(path)) return;
    for (const target of targets.get(path) ?? []) walk(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of targets.keys()) walk(path, []);
  return cycles;
}
