import { type ArenaLimits, arenaBytes } from "../decoding/arena.js";
import type { DecoderListener } from "./observed-decoder.js";

/** What a host tells while it works: tokens since it told last; before it ends itself, why. */
export interface GeneratorNote {
  /** Of prompts. */
  readonly read: number;
  readonly generated: number;
  readonly failure?: string;
  /** Seconds of each run since it told last, by what it did. */
  readonly runs?: { readonly prefill: readonly number[]; readonly decode: readonly number[] };
  /** Rows of the last run that computed a token for each. */
  readonly rows?: number;
  /** That keys and values of answers under way take. */
  readonly cacheBytes?: number;
}

const millisecondsBetweenNotes = 200;

/** Adds up and tells a few times a second, the last of it when nothing more has come for as long. */
export class Teller {
  private rows = 0;
  private cacheBytes = 0;
  private runs: { readonly prefill: number[]; readonly decode: number[] } = { prefill: [], decode: [] };
  private tokens = { read: 0, generated: 0 };
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly note: (sum: GeneratorNote) => void) {}

  add({ read, generated }: { readonly read: number; readonly generated: number }): void {
    this.tokens = { read: this.tokens.read + read, generated: this.tokens.generated + generated };
    this.timer ??= setTimeout(() => this.tell(), millisecondsBetweenNotes);
  }

  /** Hears what nobody tells it of tokens: how long runs take, how many rows they have, and what memory. */
  listener(limits: ArenaLimits): DecoderListener {
    return {
      ran: ({ kind, tokens, seconds }) => {
        this.runs[kind].push(seconds);
        if (kind === "decode") this.rows = tokens;
      },
      opened: (shape) => {
        this.cacheBytes = shape === undefined ? 0 : arenaBytes(shape, limits);
      },
    };
  }

  private tell(): void {
    const { tokens, runs, rows, cacheBytes } = this;
    this.timer = undefined;
    this.tokens = { read: 0, generated: 0 };
    this.runs = { prefill: [], decode: [] };
    this.note({ ...tokens, runs, rows, cacheBytes });
  }
}
