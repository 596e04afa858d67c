import { MillraceError } from "@millrace/core";

/** @throws E_INTERNAL for a key with an empty, "." or ".." segment, a NUL, or half a surrogate pair. */
export function checkKey(key: string): void {
  const isBad = key.split("/").some((segment) => segment === "" || segment === "." || segment === "..");
  if (isBad || key.includes("\0") || /\p{Surrogate}/u.test(key)) {
    throw new MillraceError("E_INTERNAL", "a blob's key is not valid", { why: JSON.stringify(key) });
  }
}

/**
 * Path of a key's file below the store's folder. A flat map may hold both "a" and "a/b", a file system may not, so the
 * names of files and of folders never meet: a folder's have no ".", a file's have one or end in "%".
 */
export function keyToPath(key: string): string {
  const segments = key.split("/");
  const name = fileName(segments.pop() ?? "");
  return [...segments.map(folderName), name].join("/");
}

/** Name of the folder that holds the keys with this segment. */
export function folderName(segment: string): string {
  return escapeSegment(segment).replaceAll(".", "%2E");
}

/** The key's segment that a file or folder was named for, or undefined for a name that no key has. */
export function segmentOf(name: string, isFolder: boolean): string | undefined {
  const escaped = name.endsWith("%") && !isFolder ? name.slice(0, -1) : name;
  let segment: string;
  try {
    segment = decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
  const isOurs = segment !== "" && (isFolder ? folderName(segment) : fileName(segment)) === name;
  return isOurs ? segment : undefined;
}

function fileName(segment: string): string {
  const escaped = escapeSegment(segment);
  return escaped.includes(".") ? escaped : `${escaped}%`;
}

/** Escapes "%", and what other systems forbid in names, as "%" and two hex digits. */
function escapeSegment(segment: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  return segment.replaceAll(/[%<>:"\\|?*\u0001-\u001f\u007f]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}
