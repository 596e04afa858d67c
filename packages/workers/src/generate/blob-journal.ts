import { randomUUID } from "node:crypto";
import { type BlobStore, generateLayout } from "@millrace/core";
import { deletePrefix } from "../blobs/json.js";
import { entriesOf, type JournalEntry, linesOf, type OpenJournal } from "./journal.js";

/** What a killed worker loses at most, in milliseconds of its work: a write to S3 is dear, and each answer is small. */
const millisecondsOfAPart = 5_000;

/**
 * Journals in a work place that nothing can be appended to, or that several machines share: answers that are finished within
 * five seconds make one part, a blob of its own. Parts have names of their own, so that a worker that was taken for dead harms
 * nothing: an answer depends on its request alone, and is the same in both.
 */
export function blobJournals(blobs: BlobStore, partMilliseconds = millisecondsOfAPart): OpenJournal {
  return async ({ shard, index }) => {
    const prefix = generateLayout.journalParts(shard, index);
    const entries: JournalEntry[] = [];
    for await (const key of blobs.list(prefix)) {
      const bytes = await blobs.get(key);
      entries.push(...entriesOf(Buffer.from(bytes ?? []).toString("utf8")));
    }
    const write = (lines: string) => blobs.put(`${prefix}${randomUUID()}.jsonl`, Buffer.from(lines)).then(() => {});
    const parts = new Parts(write, partMilliseconds);
    return {
      entries,
      add: (added) => parts.add(added),
      close: () => parts.flush(),
      remove: () => deletePrefix(blobs, prefix),
    };
  };
}

/** Gathers entries, and writes those of one span of time together. */
class Parts {
  private waiting: JournalEntry[] = [];
  private next = Promise.withResolvers<void>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly write: (lines: string) => Promise<void>,
    private readonly milliseconds: number,
  ) {}

  add(entries: readonly JournalEntry[]): Promise<void> {
    this.waiting.push(...entries);
    this.timer ??= setTimeout(() => void this.flush().catch(() => {}), this.milliseconds);
    return this.next.promise;
  }

  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { waiting, next } = this;
    if (waiting.length === 0) return;
    this.waiting = [];
    this.next = Promise.withResolvers();
    this.write(linesOf(waiting)).then(next.resolve, next.reject);
    await next.promise;
  }
}
