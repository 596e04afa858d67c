import { type ArenaShape, filledUp, type RowNeeds } from "./arena.js";

/** How much a decoder holds and does at once; one slot more, the staging slot, holds the row whose prompt is read. */
export interface SchedulerLimits extends ArenaShape {
  /** Tokens of a prompt that one run reads; prompts are cut at its multiples, whatever else is going on. */
  readonly chunkTokens: number;
  /** Tokens that are computed between two tokens of a row, as far as chunks allow. */
  readonly stepTokens: number;
}

/** A row on its way, with what it needs of an arena. */
export interface ScheduledRow extends RowNeeds {
  /** What its decoder begins with. */
  readonly promptIds: Int32Array;
  /** What an encoder reads for it, where there is one. */
  readonly source?: Int32Array;
}

/** One of the slots of a row, which has `width` of them: its branches, from 0. */
export interface Placed<Row> {
  readonly row: Row;
  readonly branch: number;
}

/** What the decoder is to do next. */
export type Operation<Row extends ScheduledRow> =
  /** Keys and values of the first `tokens` tokens of one slot → another; without `tokens` all it holds, its source included. */
  | { readonly kind: "copy"; readonly from: number; readonly to: number; readonly tokens?: number }
  /** Reads sources of equal length, and puts what the decoder makes of each into the slots of its row. */
  | { readonly kind: "encode"; readonly rows: readonly Row[]; readonly slots: readonly (readonly number[])[] }
  /** Reads tokens `from` to `to` (exclusive) of a prompt in the staging slot; after the last, the first token is chosen. */
  | {
      readonly kind: "prefill";
      readonly row: Row;
      readonly from: number;
      readonly to: number;
      readonly isLast: boolean;
    }
  /** One more token for each slot, from the first on. */
  | { readonly kind: "decode"; readonly slots: readonly Placed<Row>[] };

/** A branch that goes on from what another one of its row holds. */
export interface Fork {
  readonly from: number;
  readonly to: number;
  readonly tokens: number;
}

interface Staged<Row> {
  readonly row: Row;
  /** Tokens of the prompt whose keys and values are there. */
  read: number;
}

/**
 * Decides, without doing anything, in which order rows share a decoder. Rows that are decoded lie in the first slots
 * without a gap, so that one run takes them all. A prompt is read in the staging slot, chunk by chunk between the others'
 * tokens, and copied behind them; where a row ends, the last one takes its slot. Rows begin in the order they were added.
 * A source is read whole, with others as long as it is as far as the staging slot holds them; its row then begins at once.
 *
 * The staging slot keeps what it held: a prompt that begins with the same tokens as the one before goes on behind those
 * they share, in whole chunks, and so does one that shares them with a row being decoded. Chunks end at the same places
 * either way, so that a row's runs, but for those left out, are the same whatever its neighbours are.
 */
export class Scheduler<Row extends ScheduledRow> {
  private readonly waiting: Row[] = [];
  /** By slot. */
  private readonly decoding: Placed<Row>[] = [];
  private readonly moves: Operation<Row>[] = [];
  private staged: Staged<Row> | undefined;
  /** Tokens whose keys and values the staging slot holds as prompts leave them. */
  private held = new Int32Array();
  /** Tokens read since the last decode. */
  private spent = 0;
  /** Whether rows that wait may begin. */
  admits = true;

  constructor(private readonly limits: SchedulerLimits) {}

  add(row: Row): void {
    this.waiting.push(row);
  }

  /** Nothing is being read or decoded; what waits, if anything, does not fit. */
  get isIdle(): boolean {
    return this.staged === undefined && this.decoding.length === 0;
  }

  /** Rows that are not finished, those that wait included. */
  get size(): number {
    return this.waiting.length + (this.staged === undefined ? 0 : 1) + this.decoding.length;
  }

  /** Rows that have not begun, the next one first. */
  get queue(): readonly Row[] {
    return this.waiting;
  }

  /** What to do now; undefined where there is nothing, or the next row is longer than a slot. */
  next(): Operation<Row> | undefined {
    const move = this.moves.shift();
    if (move !== undefined) return move;
    const { staged } = this;
    if (staged !== undefined && staged.read === staged.row.promptIds.length) return this.place(staged);
    const mayRead = this.spent === 0 || this.spent + this.limits.chunkTokens <= this.budget();
    const [first] = this.waiting;
    if (mayRead && staged === undefined && first !== undefined && this.admits && this.fits(first))
      return first.source === undefined ? this.stage(first) : this.encode(first.source.length);
    if (mayRead && staged !== undefined) return this.read(staged);
    this.spent = 0;
    return this.decoding.length > 0 ? { kind: "decode", slots: [...this.decoding] } : undefined;
  }

  /** Takes a row out, whether it waits, is read, or is decoded. */
  remove(row: Row): void {
    const place = this.waiting.indexOf(row);
    if (place >= 0) this.waiting.splice(place, 1);
    if (this.staged?.row === row) this.staged = undefined;
    while (this.decoding.at(-1)?.row === row) this.decoding.pop();
    for (const [slot, placed] of this.decoding.entries()) if (placed.row === row) this.fill(slot, row);
  }

  /** Lets a branch of a row that is decoded go on from another's first `tokens` tokens. */
  fork(row: Row, { from, to, tokens }: Fork): void {
    const slotOf = (branch: number) => this.decoding.findIndex((each) => each.row === row && each.branch === branch);
    this.moves.push({ kind: "copy", from: slotOf(from), to: slotOf(to), tokens });
  }

  /** Moves the last slot to where a row was taken out, and takes out whatever of that row is last then. */
  private fill(slot: number, row: Row): void {
    this.decoding[slot] = this.decoding.pop() as Placed<Row>;
    this.moves.push({ kind: "copy", from: this.decoding.length, to: slot });
    while (this.decoding.at(-1)?.row === row) this.decoding.pop();
  }

  private fits({ tokens, sources, width }: Row): boolean {
    const { slots, ...slot } = this.limits;
    return tokens <= slot.capacity && sources <= slot.sources && this.decoding.length + width <= slots;
  }

  /** Tokens to read before the next decode, of which the row that is read may be one. While none is decoded nobody waits. */
  private budget(): number {
    const rows = this.decoding.length;
    return rows === 0 ? Number.POSITIVE_INFINITY : this.limits.stepTokens - rows - 1;
  }

  /** The first row that waits, with those that have a source of the same length and as much room. */
  private encode(length: number): Operation<Row> {
    const room = Math.floor(this.limits.sources / filledUp(length));
    const most = Math.max(1, Math.min(room, Math.floor((this.budget() - this.spent) / length)));
    const rows: Row[] = [];
    const slots: number[][] = [];
    for (const row of this.waiting.filter(({ source }) => source?.length === length)) {
      if (rows.length === most || !this.fits(row)) break;
      rows.push(row);
      slots.push(this.occupy(row));
    }
    for (const row of rows) this.waiting.splice(this.waiting.indexOf(row), 1);
    this.spent += rows.length * length;
    return { kind: "encode", rows, slots };
  }

  /** Gives a row the first slots that are free. */
  private occupy(row: Row): number[] {
    return Array.from({ length: row.width }, (_, branch) => this.decoding.push({ row, branch }) - 1);
  }

  private stage(row: Row): Operation<Row> {
    this.waiting.shift();
    const { promptIds } = row;
    const own = this.shared(promptIds, this.held);
    const best = this.decoding.reduce(
      (found, { row: other }, slot) => {
        const tokens = this.shared(promptIds, other.promptIds);
        return tokens > found.tokens ? { slot, tokens } : found;
      },
      { slot: -1, tokens: own },
    );
    this.staged = { row, read: best.tokens };
    this.held = promptIds.slice(0, best.tokens);
    if (best.slot < 0) return this.read(this.staged);
    return { kind: "copy", from: best.slot, to: this.limits.slots, tokens: best.tokens };
  }

  private read(staged: Staged<Row>): Operation<Row> {
    const { row, read: from } = staged;
    const { chunkTokens } = this.limits;
    const to = Math.min(row.promptIds.length, (Math.floor(from / chunkTokens) + 1) * chunkTokens);
    staged.read = to;
    this.held = row.promptIds.slice(0, to);
    this.spent += to - from;
    return { kind: "prefill", row, from, to, isLast: to === row.promptIds.length };
  }

  private place({ row }: Staged<Row>): Operation<Row> {
    this.staged = undefined;
    const copies = this.occupy(row).map(
      (to) => ({ kind: "copy", from: this.limits.slots, to, tokens: row.promptIds.length }) as const,
    );
    this.moves.push(...copies.slice(1));
    return copies[0] as Operation<Row>;
  }

  /** Tokens, in whole chunks, that a prompt shares with another; at least one of its own is left to be read. */
  private shared(prompt: Int32Array, other: Int32Array): number {
    const most = Math.min(prompt.length - 1, other.length);
    let tokens = 0;
    while (tokens < most && prompt[tokens] === other[tokens]) tokens += 1;
    return tokens - (tokens % this.limits.chunkTokens);
  }
}
