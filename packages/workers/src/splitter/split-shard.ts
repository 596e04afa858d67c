import { type Job, layout, type Shard, type Split } from "@millrace/core";
import { readManifestHead } from "../manifest/manifest-head.js";
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

/** Splits shards of one job, one after another. Keeps the reader of an object whose next part will be asked for. */
export class ShardSplitter {
  private parked: OpenReading | undefined;

  constructor(
    private readonly drivers: SplitterDrivers,
    private readonly job: Job,
  ) {}

  /** Reads, parses, chunks and tokenizes until the shard ends or a part is full; writes batches, then the index. */
  async split({ shard, poisoned, isCareful }: SplitRequest): Promise<Split> {
    const { blobs, store, onProgress } = this.drivers;
    const reading = this.resume(shard) ?? this.open(shard, poisoned);
    const bytesBefore = reading.bytes.read;
    const part = new ShardPart({
      drivers: this.drivers,
      job: this.job,
      shard,
      head: await readManifestHead(blobs, store),
      isCareful,
    });
    await part.start();
    for (let next = await reading.rows.next(); !next.done; next = await reading.rows.next()) {
      onProgress(next.value.object.key);
      await part.take(next.value);
      if (part.isFull) break;
    }
    const index = await part.finish(reading.bytes.read - bytesBefore);
    await blobs.put(layout.splitIndex(shard.id), Buffer.from(JSON.stringify(index)));
    if (index.split.rest !== undefined) this.parked = { ...reading, id: index.split.rest.id };
    return index.split;
  }

  private open(shard: Shard, poisoned: readonly string[]): OpenReading {
    const bytes = { read: 0 };
    const onBytes = (count: number) => {
      bytes.read += count;
    };
    const { source } = this.drivers;
    const { fields, limits } = this.job;
    return { id: shard.id, bytes, rows: readShard({ source, shard, fields, limits, poisoned, onBytes }) };
  }

  private resume(shard: Shard): OpenReading | undefined {
    const parked = this.parked;
    this.parked = undefined;
    if (parked?.id === shard.id) return parked;
    void parked?.rows.return(undefined);
    return undefined;
  }
}

interface OpenReading {
  /** Shard that goes on where the reading stands. */
  readonly id: string;
  readonly rows: AsyncGenerator<Reading>;
  readonly bytes: { read: number };
}
