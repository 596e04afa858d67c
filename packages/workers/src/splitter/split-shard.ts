import { type Job, layout, type Shard, type Split } from "@millrace/core";
import { writeJson } from "../blobs/json.js";
import { readManifestHead } from "../manifest/manifest-head.js";
import type { SplitIndex } from "../steps/marks.js";
import type { SplitterDrivers } from "./drivers.js";
import { type Reading, readShard } from "./read-shard.js";
import { ShardPart } from "./shard-part.js";

/** One shard to split. */
export interface SplitRequest {
  readonly shard: Shard;
  /** Objects that killed the reader before: they go to quarantine unread. */
  readonly poisoned: readonly string[];
  /** After a death: chunk one document at a time, so that the next death names the right object. */
  readonly isCareful: boolean;
}

/** Readers kept open for parts that are asked for later: as many as shards are worked on at once, and some to spare. */
const readersKept = 4;

/** Splits shards of one job, one after another. Keeps the readers of objects whose next part will be asked for. */
export class ShardSplitter {
  /** By the shard that goes on where the reading stands. */
  private readonly parked = new Map<string, OpenReading>();

  constructor(
    private readonly drivers: SplitterDrivers,
    private readonly job: Job,
  ) {}

  /** Reads, parses, chunks and tokenizes until the shard ends or a part is full; writes batches, then the index. @throws the signal's reason */
  async split(request: SplitRequest, signal?: AbortSignal): Promise<Split> {
    const reading = this.takeParked(request.shard.id) ?? this.open(request);
    let rest: Shard | undefined;
    try {
      const index = await this.splitPart(request, reading, signal);
      rest = index.split.rest;
      return index.split;
    } finally {
      if (rest === undefined) await reading.rows.return(undefined);
      else await this.park(rest.id, reading);
    }
  }

  private async splitPart(
    { shard, isCareful }: SplitRequest,
    { rows, bytes }: OpenReading,
    signal: AbortSignal | undefined,
  ): Promise<SplitIndex> {
    const { drivers, job } = this;
    const { blobs, store, onProgress } = drivers;
    const head = await readManifestHead(blobs, store);
    const part = new ShardPart({ drivers, job, shard, head, isCareful });
    const bytesBefore = bytes.read;
    await part.start();
    for (let next = await rows.next(); !next.done; next = await rows.next()) {
      signal?.throwIfAborted();
      onProgress(next.value.object.key);
      await part.take(next.value);
      if (part.isFull) break;
    }
    const index = await part.finish({ bytes: bytes.read - bytesBefore, furthest: bytes.furthest });
    await writeJson(blobs, layout.splitIndex(shard.id), index);
    return index;
  }

  private open({ shard, poisoned }: SplitRequest): OpenReading {
    const bytes = { read: 0, furthest: 0 };
    const onBytes = (count: number, furthest: number) => {
      bytes.read += count;
      bytes.furthest = furthest;
    };
    const { source } = this.drivers;
    const { fields, limits } = this.job;
    return { bytes, rows: readShard({ source, shard, fields, limits, poisoned, onBytes }) };
  }

  private takeParked(shard: string): OpenReading | undefined {
    const reading = this.parked.get(shard);
    this.parked.delete(shard);
    return reading;
  }

  private async park(shard: string, reading: OpenReading): Promise<void> {
    this.parked.set(shard, reading);
    const [oldest] = this.parked.keys();
    if (this.parked.size > readersKept && oldest !== undefined) await this.takeParked(oldest)?.rows.return(undefined);
  }
}

interface OpenReading {
  readonly rows: AsyncGenerator<Reading>;
  readonly bytes: { read: number; furthest: number };
}
