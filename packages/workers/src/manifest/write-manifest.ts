import { type BlobStore, inPieces, layout, type ManifestPart } from "@millrace/core";
import { sha256 } from "../identity/digest.js";
import type { WorkLimits } from "../work-limits.js";
import type { ManifestHead, ManifestPageRef } from "./manifest-head.js";
import type { ManifestObject } from "./read-manifest.js";

/** Writes the pages of a manifest; a head that names them puts them in force. */
export class ManifestWriter {
  private readonly pages: ManifestPageRef[] = [];
  private lines: ManifestPart[] = [];
  private documentsOnPage = 0;
  private objects = 0;
  private documents = 0;
  private points = 0;

  constructor(
    private readonly blobs: BlobStore,
    private readonly limits: WorkLimits["manifest"],
  ) {}

  /** Objects come in `compareKeys` order. */
  async add({ object, version, documents }: ManifestObject): Promise<void> {
    this.objects += 1;
    this.documents += documents.length;
    for (const { chunks } of documents) this.points += chunks;
    const pieces = documents.length === 0 ? [[]] : inPieces(documents, this.limits.documentsPerPart);
    for (const piece of pieces) {
      this.lines.push({ object, version, documents: piece });
      this.documentsOnPage += Math.max(1, piece.length);
      if (this.documentsOnPage >= this.limits.documentsPerPage) await this.flush();
    }
  }

  /** Writes the last page. @returns all pages in order, and what they hold; nothing is in force yet. */
  async end(): Promise<Pick<ManifestHead, "pages" | "objects" | "documents" | "points">> {
    await this.flush();
    const { pages, objects, documents, points } = this;
    return { pages, objects, documents, points };
  }

  private async flush(): Promise<void> {
    const [first] = this.lines;
    const last = this.lines.at(-1);
    if (first === undefined || last === undefined) return;
    const bytes = Buffer.from(`${this.lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
    const key = layout.manifestPage(sha256(bytes));
    await this.blobs.put(key, bytes, { onlyIfAbsent: true });
    this.pages.push({ key, firstObject: first.object, lastObject: last.object });
    this.lines = [];
    this.documentsOnPage = 0;
  }
}
