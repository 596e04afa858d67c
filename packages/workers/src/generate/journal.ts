import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { FinishReason, TokenLogprob } from "@millrace/core";
import type { PlainError } from "../hosts/messages.js";

/** What became of one answer of a batch. */
export interface JournalEntry {
  /** Place of the prompt in its batch. */
  readonly place: number;
  readonly sequence: number;
  readonly generatedTokens: number;
  /** Where they are counted only as the row is answered. */
  readonly promptTokens?: number;
  /** Or, as JSON, the vectors of a row that wanted such, or a task's result; of an answer that is none, what was generated. */
  readonly text: string;
  readonly finishReason?: FinishReason;
  readonly logprobs?: readonly TokenLogprob[];
  /** Of a beam search. */
  readonly score?: number;
  readonly error?: PlainError;
}

/**
 * A file of finished answers, one JSON line each, so that a killed run loses none of them. A line that was being written when
 * the run was killed is cut off.
 */
export class Journal {
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly file: FileHandle,
    /** What earlier runs finished. */
    readonly entries: readonly JournalEntry[],
  ) {}

  static async open(path: string): Promise<Journal> {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, "a+");
    const text = await file.readFile("utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole.length < text.length) await file.truncate(Buffer.byteLength(whole));
    const lines = whole.split("\n").filter((line) => line !== "");
    return new Journal(
      file,
      lines.map((line) => JSON.parse(line) as JournalEntry),
    );
  }

  /** Resolves when the entries survive a killed process. */
  async add(entries: readonly JournalEntry[]): Promise<void> {
    const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    this.last = this.last.then(() => this.file.appendFile(lines));
    await this.last;
  }

  async close(): Promise<void> {
    await this.last.catch(() => {});
    await this.file.close();
  }
}
