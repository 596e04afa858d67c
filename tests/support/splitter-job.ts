import { join } from "node:path";
import type { Job } from "@millrace/core";

/** A job that reads `docs` of a folder and works in its `work`, to be split. */
export function splitterJob(folder: string, fields: Job["fields"]): Job {
  return {
    corpus: "corpus",
    source: { location: join(folder, "docs"), include: [], exclude: [] },
    fields,
    chunking: { strategy: "structure", maxTokens: 32, overlap: 0 },
    model: { reference: "m", precision: "fp32", graph: "g", dimensions: 4 },
    limits: { maxRowBytes: 1 << 20, maxObjectBytes: 1 << 24 },
    store: "memory:splitter",
    work: join(folder, "work"),
    full: false,
    allowEmpty: false,
    keepVectors: false,
    fingerprint: "f",
  };
}
