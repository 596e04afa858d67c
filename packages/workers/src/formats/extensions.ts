const formatByExtension: ReadonlyMap<string, string> = new Map([
  [".jsonl", "jsonl"],
  [".ndjson", "jsonl"],
  [".json", "json"],
  [".csv", "csv"],
  [".tsv", "csv"],
  [".parquet", "parquet"],
  [".md", "markdown"],
  [".mdx", "markdown"],
  [".markdown", "markdown"],
  [".txt", "text"],
  [".text", "text"],
  [".log", "text"],
  [".rst", "rst"],
  [".html", "html"],
  [".htm", "html"],
  [".xhtml", "html"],
  [".pdf", "pdf"],
]);

const compressionSuffix = /\.(?:gz|zst|zstd)$/i;

/** Extensions of the formats that are read by default, lower case with the dot; each may be followed by `.gz` or `.zst`. */
export const knownExtensions: readonly string[] = [...formatByExtension.keys()];

/** True where a folder's listing takes the object without being asked to. */
export function hasKnownExtension(key: string): boolean {
  return formatNameByExtension(key) !== undefined;
}

/** Name of the format an object's extension stands for, undefined where the extension is not known. */
export function formatNameByExtension(key: string): string | undefined {
  const name = withoutCompressionSuffix(key);
  const dot = name.lastIndexOf(".");
  return dot < 0 ? undefined : formatByExtension.get(name.slice(dot).toLowerCase());
}

/** The key less `.gz` or `.zst`. */
export function withoutCompressionSuffix(key: string): string {
  return key.replace(compressionSuffix, "");
}

/** True where the key ends in `.gz` or `.zst`. */
export function hasCompressionSuffix(key: string): boolean {
  return compressionSuffix.test(key);
}
