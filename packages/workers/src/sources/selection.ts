import picomatch from "picomatch";
import { hasKnownExtension } from "../formats/extensions.js";

/** Decides by its key which objects of a folder belong to the corpus. Keys and folders are below the root, without a slash at the end. */
export interface Selection {
  takesFile(key: string): boolean;
  /** False where no object below the folder can be taken, so that the folder need not be listed. */
  entersFolder(folder: string): boolean;
}

/** A pattern cut where its first wildcard's segment begins; undefined where it has none. */
export function splitGlob(pattern: string): { readonly base: string; readonly glob: string } | undefined {
  const { base, glob, isGlob } = picomatch.scan(pattern, { unescape: true });
  return isGlob && glob !== "" ? { base, glob } : undefined;
}

/** Globs on keys: an object must match one of `include`, where there is any, and none of `exclude`. */
export interface SelectionRules {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** A glob every object must match, besides `include`. */
  readonly glob?: string;
}

/**
 * Without patterns: objects of a known extension outside hidden folders and `node_modules`. A pattern reaches into hidden
 * folders or `node_modules` only where it names them, as `**` + `/.github/*.md` does.
 */
export function selectObjects({ include, exclude, glob }: SelectionRules): Selection {
  const included = matcher(include);
  const globbed = matcher(glob === undefined ? [] : [glob]);
  const isExcluded = picomatch([...exclude], { dot: true });
  const isSubtreeExcluded = picomatch(
    exclude.filter((pattern) => pattern.endsWith("/**")),
    { dot: true },
  );
  const isDefault = include.length === 0 && glob === undefined;
  const canTakeBelow = (folder: string) =>
    isDefault ? !isSetAside(folder) : included.mayReach(folder) && globbed.mayReach(folder);
  return {
    takesFile: (key) => {
      if (isExcluded(key)) return false;
      if (isDefault) return !isSetAside(key) && hasKnownExtension(key);
      return included.matches(key) && globbed.matches(key);
    },
    entersFolder: (folder) => !isSubtreeExcluded(folder) && canTakeBelow(folder),
  };
}

interface Matcher {
  matches(key: string): boolean;
  mayReach(folder: string): boolean;
}

/** No pattern at all matches everything. `**` never crosses a hidden segment: that is picomatch's own default. */
function matcher(patterns: readonly string[]): Matcher {
  if (patterns.length === 0) return { matches: () => true, mayReach: () => true };
  const globs = patterns.map((pattern) => ({
    isMatch: picomatch(pattern),
    namesHidden: /(?:^|[/{,(|])\\?\./.test(pattern),
    namesModules: pattern.includes("node_modules"),
  }));
  return {
    matches: (key) => globs.some((glob) => (glob.namesModules || !isInModules(key)) && glob.isMatch(key)),
    mayReach: (folder) =>
      globs.some(
        (glob) => (glob.namesModules || !isInModules(folder)) && (glob.namesHidden || !/(?:^|\/)\./.test(folder)),
      ),
  };
}

function isSetAside(key: string): boolean {
  return /(?:^|\/)\./.test(key) || isInModules(key);
}

function isInModules(key: string): boolean {
  return /(?:^|\/)node_modules(?:\/|$)/.test(key);
}
