import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** One import or export-from in a source file. */
export interface Import {
  readonly specifier: string;
  /** True where nothing of it is left at run time. */
  readonly isType: boolean;
}

export interface Module {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly imports: readonly Import[];
  /** The source without comments, with the contents of string literals replaced. */
  readonly code: string;
}

const generated = new Set(["node_modules", "dist", "target", "coverage", "results"]);

/** Paths of all files that belong to the repository, relative to it; what is generated or hidden is left out. */
export function listFiles(folder = root): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const isHidden = entry.name.startsWith(".") && !visibleDotNames.has(entry.name);
    if (isHidden || generated.has(entry.name) || entry.name.endsWith(".tsbuildinfo")) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? listFiles(path) : [relative(root, path).split(sep).join("/")];
  });
}

const visibleDotNames = new Set([".ci", ".gitignore", ".gitattributes", ".npmrc"]);

export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Every TypeScript and JavaScript file of the repository, parsed. */
export function readModules(): readonly Module[] {
  const sources = listFiles().filter((path) => /\.(ts|mts|mjs|js)$/.test(path) && !path.endsWith(".d.ts"));
  return sources.map((path) => parseModule(path, readText(path)));
}

/** Finds the imports of a source file without a compiler: comments and literals are taken out first. */
export function parseModule(path: string, source: string): Module {
  const { code, literals } = withoutLiterals(source);
  const imports = [...code.matchAll(importPattern)].map((match) => {
    const { clause = "", from, only, call } = match.groups ?? {};
    const specifier = literals[Number(from ?? only ?? call)] ?? "";
    return { specifier, isType: isTypeOnly(clause) };
  });
  return { path, imports, code };
}

/** `import … from "0"`, `export … from "0"`, `import "0"`, `import("0")`, with literals replaced by their numbers. */
const importPattern =
  /\b(?:import|export)\s+(?<clause>[^"=;()]*?)\s*\bfrom\s*"(?<from>\d+)"|\bimport\s*"(?<only>\d+)"|\bimport\s*\(\s*"(?<call>\d+)"/g;

function isTypeOnly(clause: string): boolean {
  if (/^type\s/.test(clause)) return true;
  const names = /^\{([^}]*)\}$/.exec(clause.trim())?.[1]?.split(",") ?? [];
  const given = names.map((name) => name.trim()).filter((name) => name !== "");
  return given.length > 0 && given.every((name) => name.startsWith("type "));
}

const literalPattern = new RegExp(
  [
    /(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)/,
    /(?<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/,
    /(?<template>`(?:\\[\s\S]|[^`\\])*`)/,
    /(?<=(?:^|[(,=:[!&|?{};>]|\breturn)\s*)(?<regex>\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*)/,
  ]
    .map((pattern) => pattern.source)
    .join("|"),
  "gm",
);

/** Replaces comments by nothing, strings by `"<number>"`, and templates by the code in their placeholders. */
function withoutLiterals(source: string): { readonly code: string; readonly literals: readonly string[] } {
  const literals: string[] = [];
  const code = source.replaceAll(literalPattern, (match, ...rest) => {
    const groups = rest.at(-1) as Readonly<Record<string, string | undefined>>;
    if (groups.text !== undefined) return `"${literals.push(match.slice(1, -1)) - 1}"`;
    if (groups.template === undefined) return groups.comment === undefined ? "/ /" : " ";
    const placeholders = [...match.matchAll(/\$\{([^}]*)\}/g)].map((placeholder) => placeholder[1] ?? "");
    return `"${literals.push(match.slice(1, -1)) - 1}"${placeholders.map((inner) => ` + (${inner})`).join("")}`;
  });
  return { code, literals };
}
