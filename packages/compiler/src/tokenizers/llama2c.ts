import { MillraceError } from "@millrace/core";
import { type Piece, pieceTokenizer } from "./pieces.js";

/** Ids that llama2.c gives the pieces that stand for nothing, for a text's beginning and for its end. */
export const llama2cTokens = { unknown: 0, first: 1, last: 2 } as const;

/**
 * The tokenizer.json of a tokenizer.bin as llama2.c exports it: the longest piece's bytes (int32), then for each id a
 * score (float32), a length (int32) and as many bytes. @throws E_MODEL_INVALID where it ends early
 */
export function llama2cTokenizer(path: string, bytes: Uint8Array, vocabulary: number): object {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces: Piece[] = [];
  let at = 4;
  while (pieces.length < vocabulary) {
    const length = at + 8 <= bytes.length ? view.getInt32(at + 4, true) : -1;
    if (length < 0 || at + 8 + length > bytes.length) {
      const why = `it ends after ${pieces.length} of ${vocabulary} pieces`;
      throw new MillraceError("E_MODEL_INVALID", `cannot read ${path}`, { why });
    }
    const text = Buffer.from(bytes.subarray(at + 8, at + 8 + length)).toString("utf8");
    pieces.push({ text: spelling(text, pieces.length), score: view.getFloat32(at, true) });
    at += 8 + length;
  }
  const { unknown, first, last } = llama2cTokens;
  return pieceTokenizer({ pieces, unknown, special: [first, last], first, hasSpaceBefore: true });
}

/** llama2.c wrote a line around the marks of beginning and end, and spaces for SentencePiece's own sign. */
function spelling(text: string, id: number): string {
  const { first, last } = llama2cTokens;
  return id === first || id === last ? text.trim() : text.replaceAll(" ", "\u2581");
}
