/** A line without its line feed; `bytes` is undefined where it is longer than the limit. `number` counts from 1. */
export interface Line {
  readonly number: number;
  readonly length: number;
  readonly bytes: Buffer | undefined;
}

/** Cuts chunks into lines at line feeds, holding at most `maxBytes` of one line. */
export class LineSplitter {
  readonly #maxBytes: number;
  #held: Buffer[] = [];
  #length = 0;
  #number: number;

  /** `before` lines stand before the first one. */
  constructor(maxBytes: number, before = 0) {
    this.#maxBytes = maxBytes;
    this.#number = before;
  }

  /** Lines the chunk completes. The chunk must not be written to afterwards. */
  *push(chunk: Buffer): Generator<Line> {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#hold(chunk.subarray(start, end));
      start = end + 1;
      yield this.#take();
    }
    this.#hold(chunk.subarray(start));
  }

  /** The last line, where it has no line feed. */
  end(): Line | undefined {
    return this.#length === 0 ? undefined : this.#take();
  }

  #hold(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length > this.#maxBytes) this.#held = [];
    else if (piece.length > 0) this.#held.push(piece);
  }

  #take(): Line {
    const [first, ...others] = this.#held;
    const isWhole = this.#length <= this.#maxBytes;
    const bytes = first === undefined || others.length > 0 ? Buffer.concat(this.#held) : first;
    this.#number += 1;
    const line = { number: this.#number, length: this.#length, bytes: isWhole ? bytes : undefined };
    this.#held = [];
    this.#length = 0;
    return line;
  }
}
