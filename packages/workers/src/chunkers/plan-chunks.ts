/** A stretch of text in the tree that is planned. The parts of a piece lie side by side and cover it. */
export interface Piece {
  /** `section`: closed to its surroundings when it is opened. `heading`: wants to stand before what follows. */
  readonly role: "section" | "heading" | "body";
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
  /** Where the piece may be opened when it does not fit; a piece without parts stays whole. */
  readonly parts: readonly Piece[];
}

/** Offsets into the planned text, `end` exclusive. */
export interface ChunkRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts a tree of pieces into ranges of at most `budget` tokens, in order and without gaps. Neighbours are packed
 * greedily; a section that fits is never cut, one that does not is opened and shares no range with its neighbours.
 * Headings stay with what follows wherever both fit. Only a piece without parts can exceed the budget, alone in its
 * range.
 */
export function planChunks(root: Piece, budget: number): readonly ChunkRange[] {
  const waiting: Piece[] = [];
  const placed = placeHeadings(root, waiting, budget);
  const ranges: ChunkRange[] = [];
  let open: Piece | undefined;

  function close(): void {
    if (open !== undefined) ranges.push({ start: open.start, end: open.end });
    open = undefined;
  }

  function pack(piece: Piece): void {
    if (open !== undefined && open.tokens + piece.tokens <= budget) {
      open = merge([open, piece]);
    } else if (piece.tokens <= budget || piece.parts.length === 0) {
      close();
      open = piece;
    } else if (piece.role === "section") {
      close();
      piece.parts.forEach(pack);
      close();
    } else {
      piece.parts.forEach(pack);
    }
  }

  for (const piece of [...placed, ...waiting]) pack(piece);
  close();
  return ranges;
}

/**
 * Takes the headings out of the tree and puts each in front of the first stretch of body that follows it. `waiting` are
 * the headings nothing has followed yet.
 */
function placeHeadings(piece: Piece, waiting: Piece[], budget: number): readonly Piece[] {
  if (piece.role === "heading") {
    waiting.push(piece);
    return [];
  }
  if (piece.role === "body") return attach(waiting.splice(0), piece, budget);
  const placed = piece.parts.flatMap((part) => placeHeadings(part, waiting, budget));
  return placed.length === 0 ? [] : [container("section", placed)];
}

/** Merges as many of the headings with the body as fit, opening the body rather than leaving one behind. */
function attach(headings: readonly Piece[], body: Piece, budget: number): readonly Piece[] {
  if (headings.length === 0) return [body];
  const first = body.parts[0];
  if (first !== undefined && sum(headings) + body.tokens > budget) {
    return [container("body", [...attach(headings, first, budget), ...body.parts.slice(1)])];
  }
  let tokens = body.tokens;
  let kept = headings.length;
  while (kept > 0 && tokens + (headings[kept - 1] as Piece).tokens <= budget) {
    kept -= 1;
    tokens += (headings[kept] as Piece).tokens;
  }
  return [...headings.slice(0, kept), merge([...headings.slice(kept), body])];
}

function container(role: Piece["role"], parts: readonly Piece[]): Piece {
  return { ...merge(parts), role, parts };
}

function merge(pieces: readonly Piece[]): Piece {
  const start = (pieces[0] as Piece).start;
  const end = (pieces[pieces.length - 1] as Piece).end;
  return { role: "body", start, end, tokens: sum(pieces), parts: [] };
}

function sum(pieces: readonly Piece[]): number {
  return pieces.reduce((tokens, piece) => tokens + piece.tokens, 0);
}
