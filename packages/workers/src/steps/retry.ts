import {
  type BlobStore,
  type CorpusObject,
  type Job,
  MillraceError,
  type ObjectChange,
  type Shard,
} from "@millrace/core";
import { type ManifestHead, readingDigest } from "../manifest/manifest-head.js";
import { type QuarantinedDocuments, quarantinedDocuments } from "../quarantine/read-quarantine.js";

/** More documents than these are not named in a shard, which travels: all of its documents are encoded again instead. */
const mostNamed = 512;

/** What a plan takes up that tries again only what is in quarantine. */
export class Retry {
  private constructor(private readonly quarantine: QuarantinedDocuments) {}

  /** @throws E_JOB_UNFINISHED where the store holds nothing of the job, or what was read otherwise. */
  static async open(blobs: BlobStore, job: Job, head: ManifestHead): Promise<Retry> {
    if (head.reading !== readingDigest(job)) throw indexFirst(head);
    return new Retry(await quarantinedDocuments(blobs));
  }

  /** Keys of the quarantine's files: a shard that is tried again has another name than the one that failed. */
  get files(): readonly string[] {
    return this.quarantine.files;
  }

  /** What is gone from the source, or was never in quarantine, is left to the next index. */
  takes(change: ObjectChange): boolean {
    return change.kind !== "removed" && this.quarantine.documents.has(change.object.key);
  }

  /** What a shard of these objects encodes although it has not changed. */
  againOf(objects: readonly CorpusObject[]): Partial<Pick<Shard, "redo" | "isFull">> {
    const redo = objects.flatMap(({ key }) =>
      [...(this.quarantine.documents.get(key) ?? [])].map((document) => [key, document] as const),
    );
    return redo.length > mostNamed ? { isFull: true } : { redo };
  }
}

function indexFirst({ store }: ManifestHead): MillraceError {
  return new MillraceError("E_JOB_UNFINISHED", "there is nothing to try again before the next index run", {
    why: store === "" ? "the store holds nothing of this job" : "the job's settings were changed since the last one",
    fix: "Run index, then retry.",
  });
}
