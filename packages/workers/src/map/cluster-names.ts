import type { MappedDocument } from "./document-vectors.js";

/** Words that name a cluster. */
const wordsOfName = 2;
/** A word of fewer documents says more of them than of their cluster. */
const leastDocuments = 2;

/**
 * What the documents of each cluster have in their titles more often than others do: the words that are frequent there, and
 * more so than chance would have it. Empty where no word stands out.
 */
export function clusterNames(
  documents: readonly Pick<MappedDocument, "title" | "path">[],
  clusters: Uint16Array,
): readonly string[] {
  const all = new Map<string, number>();
  const own: Map<string, number>[] = [];
  const sizes: number[] = [];
  for (const [index, document] of documents.entries()) {
    const cluster = clusters[index] as number;
    const counts = own[cluster] ?? new Map<string, number>();
    own[cluster] = counts;
    sizes[cluster] = (sizes[cluster] ?? 0) + 1;
    for (const word of wordsOf(document)) {
      all.set(word, (all.get(word) ?? 0) + 1);
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return own.map((counts, cluster) => nameOf(counts, { all, share: (sizes[cluster] as number) / documents.length }));
}

interface Surroundings {
  /** Documents of any cluster that have a word. */
  readonly all: ReadonlyMap<string, number>;
  /** Of all documents, the cluster's. */
  readonly share: number;
}

function nameOf(counts: ReadonlyMap<string, number>, { all, share }: Surroundings): string {
  const scored = [...counts]
    .filter(([, count]) => count >= leastDocuments)
    .map(([word, count]) => ({ word, score: scoreOf(count, (all.get(word) as number) * share) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || (a.word < b.word ? -1 : 1));
  return scored
    .slice(0, wordsOfName)
    .map(({ word }) => word)
    .join(", ");
}

/** @param expected documents of the cluster that had the word, were it as frequent everywhere */
function scoreOf(count: number, expected: number): number {
  return count <= expected ? 0 : count * Math.log(count / expected) ** 2;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/** Each word of a document's title once; of its file's name, where it has none. */
function wordsOf({ title, path }: Pick<MappedDocument, "title" | "path">): ReadonlySet<string> {
  const name = title === "" ? (path.split("/").at(-1) as string).replace(/\.\w+$/, "") : title.slice(0, longestTitle);
  const words = new Set<string>();
  for (const { segment, isWordLike } of segmenter.segment(name.replaceAll(/[-_./@]/g, " ")))
    if (isWordLike && /\p{L}{3}|\p{Lo}/u.test(segment)) words.add(segment.toLowerCase());
  return words;
}

const longestTitle = 200;
