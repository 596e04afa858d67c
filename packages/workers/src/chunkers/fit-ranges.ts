import { type Document, MillraceError } from "@millrace/core";
import { documentTree } from "./document-tree.js";
import { halve } from "./halve.js";
import { overlapStart } from "./overlap.js";
import { planChunks } from "./plan-chunks.js";
import type { DraftRange, FittedRange } from "./ranges.js";
import type { SplitContext } from "./split-context.js";
import type { TokenIndex } from "./token-index.js";

/** A document with its tokens as they are in the whole text. */
export interface TokenizedDocument {
  readonly document: Document;
  readonly tokens: TokenIndex;
}

/**
 * Plans with a smaller budget before a range that is still too long is halved. Tokens next to a cut can differ from
 * those of the whole text (byte-level and SentencePiece models), mostly by one or two.
 */
const planningRounds = 3;

/** Plans each document's ranges and encodes them, until every one is within `maxTokens` by its own token ids. */
export async function fitRanges(
  context: SplitContext,
  documents: readonly TokenizedDocument[],
): Promise<ReadonlyMap<Document, readonly FittedRange[] | MillraceError>> {
  const { maxTokens, overlap } = context.chunking;
  const budget = maxTokens - context.tokenizer.specialTokens;
  const done = new Map<Document, readonly FittedRange[] | MillraceError>();
  let open = documents.map((document) => ({ ...document, budget: budget - overlap }));
  for (let round = 1; open.length > 0; round += 1) {
    const encoded = await encodeRanges(
      context,
      open.map((each) => ({ document: each.document, ranges: draftRanges(each, each.budget, overlap) })),
    );
    const again: typeof open = [];
    for (const [row, ranges] of encoded.entries()) {
      const each = open[row] as (typeof open)[number];
      const excess = Math.max(0, longest(ranges) - maxTokens);
      const smaller = Math.max(1, each.budget - Math.min(excess, Math.max(1, budget >>> 3)));
      if (excess === 0) done.set(each.document, ranges);
      else if (round < planningRounds && smaller < each.budget) again.push({ ...each, budget: smaller });
      else done.set(each.document, await splitExcess(context, each.document, ranges));
    }
    open = again;
  }
  return done;
}

function longest(ranges: readonly FittedRange[]): number {
  return ranges.reduce((most, { tokenIds }) => Math.max(most, tokenIds.length), 0);
}

function draftRanges({ document, tokens }: TokenizedDocument, budget: number, overlap: number): readonly DraftRange[] {
  const source = { text: document.text, tokens, overlap };
  const planned = planChunks(documentTree(document, tokens, budget), budget);
  return planned.map(({ start, end }, row) => {
    const previous = planned[row - 1];
    return {
      start: previous === undefined ? start : overlapStart(source, previous.start, start),
      bodyStart: start,
      end,
    };
  });
}

interface DraftedDocument {
  readonly document: Document;
  readonly ranges: readonly DraftRange[];
}

async function encodeRanges(
  { tokenizer }: SplitContext,
  drafts: readonly DraftedDocument[],
): Promise<readonly (readonly FittedRange[])[]> {
  const texts = drafts.flatMap(({ document, ranges }) =>
    ranges.map(({ start, end }) => document.text.slice(start, end)),
  );
  const ids = (await tokenizer.encode(texts)).values();
  return drafts.map(({ ranges }) =>
    ranges.map((range) => ({ ...range, tokenIds: ids.next().value ?? new Int32Array() })),
  );
}

/** Takes the overlap from ranges that are too long, then halves them, until they fit or are a single character. */
async function splitExcess(
  context: SplitContext,
  document: Document,
  ranges: readonly FittedRange[],
): Promise<readonly FittedRange[] | MillraceError> {
  const { maxTokens } = context.chunking;
  const fits = ({ tokenIds }: FittedRange) => tokenIds.length <= maxTokens;
  const done = ranges.filter(fits);
  let open = ranges.filter((range) => !fits(range));
  while (open.length > 0) {
    const smaller: DraftRange[] = [];
    for (const range of open) {
      const parts =
        range.start < range.bodyStart ? [{ ...range, start: range.bodyStart }] : halve(document.text, range);
      if (parts.length === 0) return tooManyTokens(document, range, context);
      smaller.push(...parts);
    }
    const encoded = (await encodeRanges(context, [{ document, ranges: smaller }]))[0] ?? [];
    done.push(...encoded.filter(fits));
    open = encoded.filter((range) => !fits(range));
  }
  return done.sort((a, b) => a.bodyStart - b.bodyStart);
}

function tooManyTokens(document: Document, range: FittedRange, { tokenizer, chunking }: SplitContext): MillraceError {
  const point = (document.text.codePointAt(range.start) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const own = range.tokenIds.length - tokenizer.specialTokens;
  const room = chunking.maxTokens - tokenizer.specialTokens;
  return new MillraceError("E_ROW_CHUNK", "A character has more tokens than a chunk may hold", {
    why: `U+${point} at offset ${range.start} has ${own}, maxTokens leaves room for ${room}`,
    fix: "Raise maxTokens",
  });
}
