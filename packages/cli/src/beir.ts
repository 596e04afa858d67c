import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Judgements, MillraceError } from "@millrace/core";
import type { JudgedQueries } from "@millrace/workers";

/** A retrieval set as BEIR lays it out. */
export interface BeirSet extends JudgedQueries {
  /** `corpus.jsonl`, plain or compressed: `_id`, `title`, `text`. */
  readonly corpusPath: string;
}

/** Reads queries and judgements. @throws E_SOURCE_MISSING naming the file that is not there, E_USAGE for a broken line. */
export async function openBeirSet(folder: string): Promise<BeirSet> {
  const corpusPath = await firstThatExists(folder, ["corpus.jsonl", "corpus.jsonl.gz", "corpus.jsonl.zst"]);
  return { corpusPath, ...(await openJudgedQueries(folder)) };
}

/** The same without the documents, for a corpus that is indexed. Only queries that have judgements. */
export async function openJudgedQueries(folder: string): Promise<JudgedQueries> {
  const queriesPath = await firstThatExists(folder, ["queries.jsonl"]);
  const judgements = await readJudgements(await firstThatExists(folder, ["qrels/test.tsv", "qrels/dev.tsv"]));
  const queries: { id: string; text: string }[] = [];
  for await (const { line, place } of linesOf(queriesPath)) {
    const { _id: id, text } = parseQuery(line, place);
    if (judgements.has(id)) queries.push({ id, text });
  }
  return { queries, judgements };
}

async function firstThatExists(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const path = join(folder, name);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new MillraceError("E_SOURCE_MISSING", `${folder} is not a BEIR folder`, {
    why: `${names[0]} is not there`,
    fix: "It needs queries.jsonl, qrels/test.tsv and, for eval, corpus.jsonl.",
  });
}

/** Tab-separated `query-id corpus-id score` below a heading. */
async function readJudgements(path: string): Promise<ReadonlyMap<string, Judgements>> {
  const judgements = new Map<string, Map<string, number>>();
  for await (const { line, place, number } of linesOf(path)) {
    const [query, document, grade] = line.split("\t");
    if (number === 1 && Number.isNaN(Number(grade))) continue;
    if (query === undefined || document === undefined || Number.isNaN(Number(grade))) throw brokenLine(place);
    const ofQuery = judgements.get(query) ?? new Map<string, number>();
    judgements.set(query, ofQuery.set(document, Number(grade)));
  }
  return judgements;
}

function parseQuery(line: string, place: string): { _id: string; text: string } {
  try {
    const { _id, text } = JSON.parse(line) as Record<string, unknown>;
    if (typeof text === "string" && _id !== undefined) return { _id: String(_id), text };
  } catch {
    // Told below, with the place.
  }
  throw brokenLine(place);
}

function brokenLine(place: string): MillraceError {
  return new MillraceError("E_USAGE", `${place} cannot be read`, { fix: "Repair or remove the line." });
}

async function* linesOf(path: string): AsyncGenerator<{ line: string; place: string; number: number }> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (line !== "") yield { line, place: `${path}:${number}`, number };
  }
}
