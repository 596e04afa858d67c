/** A piece of a SentencePiece vocabulary. */
export interface Piece {
  /** With `▁` for a space. */
  readonly text: string;
  /** The higher, the earlier a text's neighbours are joined to it. */
  readonly score: number;
}

export interface PieceVocabulary {
  /** By id. */
  readonly pieces: readonly Piece[];
  readonly unknown: number;
  /** Pieces that a text never becomes by itself, such as the one that begins it. */
  readonly special: readonly number[];
  /** Put before every text. */
  readonly first: number | undefined;
  /** Whether a text is read as if a space stood before it. */
  readonly hasSpaceBefore: boolean;
}

/**
 * The tokenizer.json of a SentencePiece vocabulary of byte pairs with byte fallback, as Llama's: pieces are joined in the
 * order of their scores, and what has no piece becomes its UTF-8 bytes.
 */
export function pieceTokenizer(vocabulary: PieceVocabulary): object {
  const { pieces, unknown, special, first, hasSpaceBefore } = vocabulary;
  const textOf = (id: number) => pieces[id]?.text ?? "";
  const prepend = hasSpaceBefore ? [{ type: "Prepend", prepend: space }] : [];
  const strip = hasSpaceBefore ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : [];
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [...new Set([unknown, ...special])].sort((a, b) => a - b).map((id) => addedToken(id, textOf(id))),
    normalizer: {
      type: "Sequence",
      normalizers: [...prepend, { type: "Replace", pattern: { String: " " }, content: space }],
    },
    pre_tokenizer: null,
    post_processor: first === undefined ? null : beginning(first, textOf(first)),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: space }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...strip,
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: textOf(unknown),
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map(({ text }, id) => [text, id])),
      merges: mergesOf(pieces),
    },
  };
}

const space = "\u2581";

/** A token that a text's spelling stands for, and that decoding leaves out. */
export function addedToken(id: number, content: string, isSpecial = true): object {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: isSpecial };
}

/** The post-processor that puts a token before every text. */
export function beginning(id: number, token: string): object {
  const special = { SpecialToken: { id: token, type_id: 0 } };
  return {
    type: "TemplateProcessing",
    single: [special, { Sequence: { id: "A", type_id: 0 } }],
    pair: [special, { Sequence: { id: "A", type_id: 0 } }, special, { Sequence: { id: "B", type_id: 0 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

/** Every way to make a piece of two, those of the highest score first; ways to the same piece in the order of their parts' ids. */
function mergesOf(pieces: readonly Piece[]): readonly (readonly [string, string])[] {
  const ids = new Map(pieces.map(({ text }, id) => [text, id]));
  const ways = pieces.flatMap(({ text, score }) => {
    const found: { left: string; right: string; order: readonly [number, number, number] }[] = [];
    const points = [...text];
    for (let cut = 1; cut < points.length; cut += 1) {
      const [left, right] = [points.slice(0, cut).join(""), points.slice(cut).join("")];
      const [leftId, rightId] = [ids.get(left), ids.get(right)];
      if (leftId !== undefined && rightId !== undefined) found.push({ left, right, order: [-score, leftId, rightId] });
    }
    return found;
  });
  const compare = (a: readonly number[], b: readonly number[]): number =>
    a.map((value, index) => value - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
  return ways.sort((a, b) => compare(a.order, b.order)).map(({ left, right }) => [left, right] as const);
}
