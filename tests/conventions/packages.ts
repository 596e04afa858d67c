import type { Module } from "./modules.ts";
import { packageName } from "./rules.ts";

/** The parts of a package.json that the rules look at. */
export interface Manifest {
  /** Folder below the repository, "" for the repository itself. */
  readonly folder: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Dependencies that are not given as one exact version. */
export function looseVersions({ folder, dependencies, devDependencies }: Manifest): readonly string[] {
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
  );
  return loose.map(([name, version]) => `${folder}: ${name} ${version}`);
}

/** Dependencies that no module of the package imports. */
export function unusedDependencies(manifest: Manifest, modules: readonly Module[]): readonly string[] {
  const used = importedNames(manifest.folder, modules);
  const unused = Object.keys(manifest.dependencies).filter((name) => !used.has(name));
  return unused.map((name) => `${manifest.folder}: ${name}`);
}

/** Packages that are imported and not declared, so that they are there by chance. Types may come from `@types`. */
export function undeclaredImports(manifest: Manifest, modules: readonly Module[]): readonly string[] {
  const { folder, dependencies, devDependencies } = manifest;
  const isDeclared = (name: string) => name in dependencies || `@types/${name}` in devDependencies;
  const undeclared = [...importedNames(folder, modules)].filter((name) => !isDeclared(name));
  return undeclared.map((name) => `${folder}: ${name}`);
}

function importedNames(folder: string, modules: readonly Module[]): ReadonlySet<string> {
  const own = modules.filter(({ path }) => path.startsWith(`${folder}/`));
  const specifiers = own.flatMap(({ imports }) => imports.map(({ specifier }) => specifier));
  return new Set(specifiers.filter((specifier) => !/^(\.|node:)/.test(specifier)).map(packageName));
}

/** The parts of package-lock.json that the rules look at. */
export interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
}

/**
 * Packages for other platforms that the lockfile lacks: npm drops one in silence where the registry does not have it,
 * and `npm ci` then refuses the lockfile. The way out is a version whose platform packages are all there.
 */
export function missingPlatforms({ packages }: Lockfile): readonly string[] {
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) => {
    const missing = Object.keys(optionalDependencies).filter((name) => !isLocked(name, path, packages));
    return missing.map((name) => `${path}: ${name}`);
  });
}

/** Looks where Node would: beside the package, then beside each one around it. */
function isLocked(name: string, path: string, packages: Lockfile["packages"]): boolean {
  if (`${path}${path === "" ? "" : "/"}node_modules/${name}` in packages) return true;
  return path !== "" && isLocked(name, path.replace(/(^|\/)(node_modules\/)?(@[^/]+\/)?[^/]+$/, ""), packages);
}
