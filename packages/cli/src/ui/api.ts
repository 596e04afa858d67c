import { MillraceError, type SearchHit } from "@millrace/core";
import type { QuarantineRecord } from "@millrace/workers";
import { highlightRanges } from "./highlight.js";
import type { PageParts } from "./parts.js";

/*
 * What the page asks for. All of it is GET, and answers JSON where nothing else is said; what fails answers
 * `{ error: { code, what, why?, fix? } }` with status 400 where the request is at fault, 500 otherwise.
 *
 *   /api/store        { place, model, dimensions, precision, points }
 *   /api/search       ?q=<text>&top=<n>&filter=<field:pattern>…
 *                     { milliseconds, hits: [{ id, score, path, document, title, headings, text, isCut, ranges: [[start, end]…],
 *                       payload, place? }] }   text without blank lines; ranges are UTF-16 offsets into it; place is an index into the map
 *   /api/jobs/events  server-sent events: `state` with the list of jobs (see `JobView`) whenever it changed, `problem` with a line
 *   /api/quarantine   ?job=<id>  { total, groups: [{ code, count, reasons }], rows: [{ object, row?, document?, ordinal?, code, reason }] }
 *   /api/map          binary, little-endian: for each document x and y, −1 to 1, cluster, folder (float32 each); the headers
 *                     `x-folders` and `x-clusters` name these by number, as JSON in percent-encoding; `x-sample: 1` where some are missing
 *   /api/document     ?index=<n>  { path, document, title, corpus, points, excerpt }
 */

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers a request for what the page shows; undefined where there is nothing of that name. @throws MillraceError */
export async function answerApi(parts: PageParts, { pathname, searchParams }: URL): Promise<Answer | undefined> {
  switch (pathname) {
    case "/api/store":
      return json(await parts.facts());
    case "/api/search":
      return json(await search(parts, searchParams));
    case "/api/quarantine":
      return json(describeQuarantine(await parts.quarantine(searchParams.get("job") ?? "")));
    case "/api/map":
      return map(parts);
    case "/api/document": {
      const document = await parts.document(wholeNumber(searchParams, "index", 0));
      return document && json(document);
    }
    default:
      return undefined;
  }
}

function json(value: unknown): Answer {
  return { status: 200, type: "application/json", bytes: Buffer.from(JSON.stringify(value)) };
}

const mostHits = 100;
/** A longer query is cut by the model anyway. */
const longestQuery = 10_000;

async function search(parts: PageParts, parameters: URLSearchParams) {
  const query = (parameters.get("q") ?? "").trim().slice(0, longestQuery);
  if (query === "") throw new MillraceError("E_USAGE", "there is nothing to search for", { fix: "Type some words." });
  const top = Math.min(mostHits, Math.max(1, wholeNumber(parameters, "top", 10)));
  const filters = parameters.getAll("filter").filter((filter) => filter.trim() !== "");
  const found = await parts.search({ query, top, filters });
  return {
    milliseconds: found.milliseconds,
    hits: found.hits.map((hit, rank) => describeHit(query, hit, found.places?.[rank])),
  };
}

/** A chunk of one endless word can be as long as its document. */
const longestText = 4_000;

function describeHit(query: string, { score, record }: SearchHit, place: number | undefined) {
  const { id, path, document, title, headings, payload } = record;
  const text = withoutBlankLines(record.text.slice(0, longestText));
  return {
    ...{ id, score, path, document, title, headings, payload, text },
    isCut: record.text.length > longestText,
    ranges: highlightRanges(query, text),
    ...(place === undefined ? {} : { place }),
  };
}

/** Between the cards of a list, blank lines look like gaps. */
function withoutBlankLines(text: string): string {
  return text.trim().replaceAll(/\n\s*\n/g, "\n");
}

/** More rows than these are counted, not listed. */
const mostRows = 500;
const mostReasons = 3;

function describeQuarantine(records: readonly QuarantineRecord[]) {
  const groups = new Map<string, { count: number; readonly reasons: Set<string> }>();
  for (const { code, reason } of records) {
    const group = groups.get(code) ?? { count: 0, reasons: new Set<string>() };
    group.count += 1;
    if (group.reasons.size < mostReasons) group.reasons.add(reason);
    groups.set(code, group);
  }
  return {
    total: records.length,
    groups: [...groups]
      .map(([code, { count, reasons }]) => ({ code, count, reasons: [...reasons] }))
      .sort((a, b) => b.count - a.count || a.code.localeCompare(b.code)),
    rows: records.slice(0, mostRows).map(({ version: _, ...row }) => row),
  };
}

const floatsOfDocument = 4;

async function map(parts: PageParts): Promise<Answer> {
  const { documents, places, clusters, names, isSample } = await parts.map();
  const folders = new Map<string, number>();
  const floats = new Float32Array(documents.length * floatsOfDocument);
  for (const [index, { path }] of documents.entries()) {
    const folder = topFolder(path);
    const number = folders.get(folder) ?? folders.size;
    folders.set(folder, number);
    floats.set(
      [places[2 * index] ?? 0, places[2 * index + 1] ?? 0, clusters[index] ?? 0, number],
      index * floatsOfDocument,
    );
  }
  const named = [...folders.keys()].slice(0, mostFolders);
  return {
    status: 200,
    type: "application/octet-stream",
    bytes: new Uint8Array(floats.buffer),
    headers: {
      "x-folders": namesInHeader(named),
      "x-clusters": namesInHeader(names),
      "x-sample": isSample ? "1" : "0",
    },
  };
}

/** A header must stay short; further folders have no name on the map. */
const mostFolders = 24;

const longestName = 60;

function namesInHeader(names: readonly string[]): string {
  return encodeURIComponent(JSON.stringify(names.map((name) => name.slice(0, longestName))));
}

/** The outermost folder; empty for what lies in none. */
function topFolder(path: string): string {
  return path.includes("/") ? (path.split("/", 1)[0] as string) : "";
}

function wholeNumber(parameters: URLSearchParams, name: string, fallback: number): number {
  const number = Number(parameters.get(name) ?? fallback);
  return Number.isSafeInteger(number) && number >= 0 ? number : fallback;
}
