import {
  type Chunk,
  type Chunker,
  type Chunking,
  chunkingStrategies,
  type Document,
  MillraceError,
  type Tokenizer,
} from "@millrace/core";
import { chunkByStructure } from "./chunk-by-structure.js";
import { chunkByTruncation } from "./chunk-by-truncation.js";
import { probeSpecialTokens } from "./special-tokens.js";
import { hasContent } from "./text.js";

/** Raised whenever the same document and settings would be cut elsewhere: stores filled under another one are refused. */
export const chunkerVersion = 1;

/**
 * A chunker of the strategy asked for. Each document's chunks depend on that document alone, not on its neighbours.
 * E_CONFIG when no chunk could hold a token of content, or when the overlap leaves no room for anything new.
 */
export function createChunker(tokenizer: Tokenizer, chunking: Chunking): Chunker {
  checkChunking(tokenizer, chunking);
  const split = chunking.strategy === "truncate" ? chunkByTruncation : chunkByStructure;
  const special = memoise(() => probeSpecialTokens(tokenizer.prompt?.without ?? tokenizer));

  async function chunkOrFail(documents: readonly Document[]): Promise<readonly (readonly Chunk[] | MillraceError)[]> {
    try {
      return await split({ tokenizer, chunking, special: await special() }, documents);
    } catch (error) {
      if (documents.length === 1) return [asRowError(error)];
      const alone = [];
      for (const document of documents) alone.push(...(await chunkOrFail([document])));
      return alone;
    }
  }

  return {
    async chunk(documents) {
      const chunked = (await chunkOrFail(documents.filter((document) => hasContent(document.text)))).values();
      return documents.map((document) => (hasContent(document.text) ? (chunked.next().value ?? []) : []));
    },
  };
}

/** @throws E_CONFIG where no chunk could hold a token of content, or the overlap leaves no room for anything new. */
export function checkChunking(tokenizer: Tokenizer, { strategy, maxTokens, overlap }: Chunking): void {
  const refuse = (what: string, why: string, fix: string) => new MillraceError("E_CONFIG", what, { why, fix });
  if (!chunkingStrategies.includes(strategy)) {
    throw refuse("The chunking strategy is unknown", String(strategy), `Use ${chunkingStrategies.join(" or ")}`);
  }
  const least = tokenizer.specialTokens + 1;
  if (!Number.isInteger(maxTokens) || maxTokens < least) {
    const why = `maxTokens is ${maxTokens} and the model adds ${tokenizer.specialTokens} special tokens to each chunk`;
    throw refuse("Chunks have no room for text", why, `Set maxTokens to a whole number of at least ${least}`);
  }
  const most = Math.min(Math.floor(maxTokens / 2), maxTokens - least);
  if (!Number.isInteger(overlap) || overlap < 0 || overlap > most) {
    const why = `overlap is ${overlap} with maxTokens ${maxTokens}`;
    throw refuse("The overlap is not usable", why, `Set overlap to a whole number from 0 to ${most}`);
  }
}

function memoise<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function asRowError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new MillraceError("E_ROW_CHUNK", "The document could not be split into chunks", { why, cause: error });
}
