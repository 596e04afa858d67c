import { toUSVString } from "node:util";
import type { Tokenizer } from "@millrace/core";
import { toTokenSpans } from "./token-spans.js";

/** The part of the `tokenizers` package this folder stands on. */
export interface NativeTokenizer {
  encodeBatch(texts: string[], options: { addSpecialTokens: boolean }): Promise<NativeEncoding[]>;
}

interface NativeEncoding {
  getLength(): number;
  getIds(): number[];
  /** Pairs of code point offsets into the text as it was given, not as it was normalised. */
  getOffsets(): number[][];
}

/** Texts in one native call: enough to keep every thread busy. */
const textsPerCall = 256;

/** UTF-16 units in one native call, because an encoding holds about 600 bytes per token until it is read. */
const unitsPerCall = 1 << 20;

/** What a native tokenizer does not say of itself. */
export interface TokenizerFacts extends Pick<Tokenizer, "digest" | "truncationSide"> {
  readonly hasSpecialTokens: boolean;
}

/**
 * Puts the contract over a native tokenizer. One text is never divided, whatever its length: 10 MB of words take about
 * ten seconds and 1 GB of memory, so callers bring long texts in pieces.
 */
export async function nativeTokenizer(
  native: NativeTokenizer,
  { digest, hasSpecialTokens, truncationSide }: TokenizerFacts,
): Promise<Tokenizer> {
  const withSpecial = await native.encodeBatch(["a"], { addSpecialTokens: hasSpecialTokens });
  const without = await native.encodeBatch(["a"], { addSpecialTokens: false });
  const specialTokens = (withSpecial[0]?.getLength() ?? 0) - (without[0]?.getLength() ?? 0);

  async function inCalls<Result>(
    texts: readonly string[],
    addSpecialTokens: boolean,
    read: (encoding: NativeEncoding, text: string) => Result,
  ): Promise<readonly Result[]> {
    const results: Result[] = [];
    for (const call of planCalls(texts)) {
      const encodings = await native.encodeBatch(call, { addSpecialTokens });
      encodings.forEach((encoding, row) => {
        results.push(read(encoding, call[row] ?? ""));
      });
    }
    return results;
  }

  return {
    digest: hasSpecialTokens ? digest : `${digest}-plain`,
    specialTokens,
    truncationSide,
    encode: (texts) => inCalls(texts, hasSpecialTokens, (encoding) => Int32Array.from(encoding.getIds())),
    count: (texts) => inCalls(texts, false, (encoding) => encoding.getLength()),
    spans: (texts) =>
      inCalls(texts, false, (encoding, text) => toTokenSpans(text, encoding.getIds(), encoding.getOffsets())),
  };
}

/** Lone surrogates become U+FFFD, which is one UTF-16 unit as they are, so offsets stay as they are too. */
function planCalls(texts: readonly string[]): readonly string[][] {
  const calls: string[][] = [];
  let call: string[] = [];
  let units = 0;
  for (const text of texts) {
    if (call.length === textsPerCall || (call.length > 0 && units + text.length > unitsPerCall)) {
      calls.push(call);
      call = [];
      units = 0;
    }
    call.push(toUSVString(text));
    units += text.length;
  }
  if (call.length > 0) calls.push(call);
  return calls;
}
