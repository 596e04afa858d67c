import { type BatchRef, type BlobStore, layout } from "@millrace/core";
import { type BatchRow, encodeBatchFile } from "../arrow/batch-file.js";
import { putBlob } from "../blobs/json.js";
import type { WorkLimits } from "../work-limits.js";

/** Packs chunks into Arrow files of a shard, each written when it is full. */
export class BatchWriter {
  readonly refs: BatchRef[] = [];
  private rows: BatchRow[] = [];
  private tokens = 0;

  constructor(
    private readonly blobs: BlobStore,
    private readonly shard: string,
    private readonly limits: WorkLimits["batch"],
  ) {}

  async add(row: BatchRow): Promise<void> {
    this.rows.push(row);
    this.tokens += row.tokenIds.length;
    if (this.rows.length >= this.limits.chunks || this.tokens >= this.limits.tokens) await this.flush();
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
