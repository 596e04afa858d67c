import { type BatchRef, type BlobStore, layout, type Payload } from "@millrace/core";
import { type BatchRow, encodeBatchFile } from "../arrow/batch-file.js";
import { putBlob } from "../blobs/json.js";
import type { WorkLimits } from "../work-limits.js";

/** Packs chunks into Arrow files of a shard, each written when it is full. */
export class BatchWriter {
  readonly refs: BatchRef[] = [];
  private rows: BatchRow[] = [];
  private tokens = 0;
  private characters = 0;
  /** Chunks of one document share its payload: it is measured once. */
  private measured: { readonly payload: Payload; readonly characters: number } | undefined;

  constructor(
    private readonly blobs: BlobStore,
    private readonly shard: string,
    private readonly limits: WorkLimits["batch"],
  ) {}

  async add(row: BatchRow): Promise<void> {
    this.rows.push(row);
    this.tokens += row.tokenIds.length;
    this.characters += row.record.text.length + this.lengthOf(row.record.payload);
    const { chunks, tokens, characters } = this.limits;
    const isFull = this.rows.length >= chunks || this.tokens >= tokens || this.characters >= characters;
    if (isFull) await this.flush();
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
    this.characters = 0;
  }

  private lengthOf(payload: Payload): number {
    if (this.measured?.payload !== payload) this.measured = { payload, characters: JSON.stringify(payload).length };
    return this.measured.characters;
  }
}
