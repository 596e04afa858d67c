import { posix } from "node:path";

/** Words that must not stand in a committed file. Written in pieces: this file is one of them. */
const forbidden: readonly { readonly what: string; readonly pattern: RegExp; readonly exceptIn?: RegExp }[] = [
  { what: "registry host", pattern: new RegExp(["registry\\.npm", "js\\.org|(pypi|python", "hosted)\\.org"].join("")) },
  {
    what: "machine path",
    pattern: new RegExp(`(?<![\\w.*}$/-])/(${["ro", "ot|t", "mp|work/(main|shared)"].join("")})\\b`),
    // There they are containers' paths.
    exceptIn: /^infra\//,
  },
  { what: "unfinished work", pattern: new RegExp(`\\b(${["TO", "DO|FIX", "ME"].join("")})\\b`) },
];

/** One line for each forbidden word, with its place. */
export function forbiddenWords(path: string, text: string): readonly string[] {
  return text.split("\n").flatMap((line, index) => {
    const found = forbidden.filter(({ pattern, exceptIn }) => pattern.test(line) && !exceptIn?.test(path));
    return found.map(({ what }) => `${path}:${index + 1} ${what}`);
  });
}

/** Paths that a Markdown file links to, relative to the repository; addresses and anchors are left out. */
export function relativeLinks(path: string, markdown: string): readonly string[] {
  const targets = [...markdown.matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map((match) => match[1] ?? "");
  return targets
    .filter((target) => !/^([a-z]+:|#)/i.test(target))
    .map((target) => posix.join(posix.dirname(path), target.replace(/#.*$/, "")));
}

/** Names of the scripts that a text tells to run. */
export function namedScripts(text: string): readonly string[] {
  const names = [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(test)\b)/g)].map((match) => match[1] ?? match[2] ?? "");
  return [...new Set(names)];
}
