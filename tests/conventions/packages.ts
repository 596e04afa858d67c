import type { Module } from "./modules.ts";
import { packageName } from "./rules.ts";

/** The parts of a package.json that the rules look at. */
export interface Manifest {
  /** Folder below the repository, "" for the repository itself. */
  readonly folder: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Dependencies that are not given as one exact version. */
export function looseVersions({ folder, dependencies }: Manifest): readonly string[] {
  const loose = Object.entries(dependencies).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
  return loose.map(([name, version]) => `${folder}: ${name} ${version}`);
}

/** Dependencies that no module of the package imports. */
export function unusedDependencies(manifest: Manifest, modules: readonly Module[]): readonly string[] {
  const used = importedNames(manifest.folder, modules);
  const unused = Object.keys(manifest.dependencies).filter((name) => !used.has(name));
  return unused.map((name) => `${manifest.folder}: ${name}`);
}

/** Packages that are imported and not declared, so that they are there by chance. */
export function undeclaredImports(manifest: Manifest, modules: readonly Module[]): readonly string[] {
  const undeclared = [...importedNames(manifest.folder, modules)].filter((name) => !(name in manifest.dependencies));
  return undeclared.map((name) => `${manifest.folder}: ${name}`);
}

function importedNames(folder: string, modules: readonly Module[]): ReadonlySet<string> {
  const own = modules.filter(({ path }) => path.startsWith(`${folder}/`));
  const specifiers = own.flatMap(({ imports }) => imports.map(({ specifier }) => specifier));
  return new Set(specifiers.filter((specifier) => !/^(\.|node:)/.test(specifier)).map(packageName));
}
