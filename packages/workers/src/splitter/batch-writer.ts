import { type BatchRef, type BlobStore, layout } from "@millrace/core";
import { type BatchRow, encodeBatchFile } from "../arrow/batch-file.js";
import { putBlob } from "../blobs/json.js";

/**
 * A batch is what an interrupted run redoes for each host, and what rows of equal length are sought in: about ten
 * seconds of one core's encoding.
 */
const batchLimits = { chunks: 1_024, tokens: 65_536 };

/** Packs chunks into Arrow files of a shard, each written when it is full. */
export class BatchWriter {
  readonly refs: BatchRef[] = [];
  private rows: BatchRow[] = [];
  private tokens = 0;

  constructor(
    private readonly blobs: BlobStore,
    private readonly shard: string,
  ) {}

  async add(row: BatchRow): Promise<void> {
    this.rows.push(row);
    this.tokens += row.tokenIds.length;
    if (this.rows.length >= batchLimits.chunks || this.tokens >= batchLimits.tokens) await this.flush();
  }

  /** Writes what is left and returns all references. */
  async finish(): Promise<readonly BatchRef[]> {
    if (this.rows.length > 0) await this.flush();
    return this.refs;
  }

  private async flush(): Promise<void> {
    const index = this.refs.length;
    const blob = await putBlob(this.blobs, layout.batch(this.shard, index), encodeBatchFile(this.rows));
    this.refs.push({ ...blob, shard: this.shard, index, chunks: this.rows.length, tokens: this.tokens });
    this.rows = [];
    this.tokens = 0;
  }
}
