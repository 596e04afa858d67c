import type { EngineFacts, SearchHit } from "@millrace/core";
import type { DocumentMap, MappedDocument, QuarantineRecord } from "@millrace/workers";
import type { JobView } from "./job-view.js";

/** What the page shows, opened; it only reads. Each part is opened when it is first asked for. */
export interface PageParts {
  facts(): Promise<StoreFacts>;
  search(request: SearchRequest): Promise<FoundPassages>;
  /** All jobs there are, those at work first. */
  jobs(): Promise<readonly JobView[]>;
  /** What a job of the work folder has in quarantine. @throws E_JOB_MISSING */
  quarantine(job: string): Promise<readonly QuarantineRecord[]>;
  /** The map of what the store holds now. */
  map(): Promise<DocumentMap>;
  /** A mapped document, with how its first passage begins. */
  document(index: number): Promise<DocumentView | undefined>;
  close(): Promise<void>;
}

/** What the store is. */
export interface StoreFacts {
  readonly place: string;
  readonly model: string;
  readonly dimensions: number;
  readonly precision: string;
  readonly points: number;
}

export interface SearchRequest {
  readonly query: string;
  readonly top: number;
  readonly filters: readonly string[];
}

export interface FoundPassages {
  readonly hits: readonly SearchHit[];
  readonly engine: EngineFacts;
  /** Of encoding and searching; opening the model, which happens once, is not counted. */
  readonly milliseconds: number;
  /** Of each hit, its document's position on the map; absent where there is no map yet. */
  readonly places?: readonly (number | undefined)[];
}

/** A document as the map tells of it. */
export interface DocumentView extends MappedDocument {
  readonly excerpt: string;
}
