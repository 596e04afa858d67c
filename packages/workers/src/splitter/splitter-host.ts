import type { Job, Split } from "@millrace/core";
import { discardingBlobs } from "../blobs/discarding.js";
import { openBlobs } from "../blobs/open.js";
import { createChunker } from "../chunkers/create-chunker.js";
import { serveHost } from "../hosts/serve.js";
import { openSource } from "../sources/open-source.js";
import { loadTokenizer } from "../tokenize/load-tokenizer.js";
import type { WorkLimits } from "../work-limits.js";
import { ShardSplitter, type SplitRequest } from "./split-shard.js";

/** What a splitter host is started with: everything it opens, it opens itself. */
export interface SplitterSettings {
  readonly job: Job;
  readonly store: string;
  readonly tokenizerPath: string;
  /** False for a model that takes texts without the special tokens its tokenizer knows. */
  readonly hasSpecialTokens?: boolean;
  /** Read and count, write nothing. */
  readonly isDryRun: boolean;
  readonly limits: WorkLimits;
}

/** The splitter host: a process of its own, so that no parser can block, exhaust or crash the main one. */
await serveHost<SplitterSettings, SplitRequest, Split>(
  async ({ job, store, tokenizerPath, hasSpecialTokens = true, isDryRun, limits }, note) => {
    const blobs = await openBlobs(job.work);
    const tokenizer = await loadTokenizer(tokenizerPath, { ...promptOf(job), hasSpecialTokens });
    const splitter = new ShardSplitter(
      {
        blobs: isDryRun ? discardingBlobs(blobs) : blobs,
        source: await openSource(job.source),
        chunker: createChunker(tokenizer, job.chunking),
        store,
        onProgress: signsOfLife(note),
        limits,
      },
      job,
    );
    return { facts: null, handle: (request, signal) => splitter.split(request, signal) };
  },
);

function promptOf({ model: { prompt } }: Job): { readonly prompt?: string } {
  return prompt === undefined ? {} : { prompt };
}

/** Passes on every change of object, and one sign a second of a long one. */
function signsOfLife(note: (object: string) => void): (object: string) => void {
  let last = { object: "", at: 0 };
  return (object) => {
    const now = performance.now();
    if (object === last.object && now - last.at < 1000) return;
    last = { object, at: now };
    note(object);
  };
}
