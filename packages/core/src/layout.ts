/** Where everything lies in a work folder. The same layout holds locally and in S3. */
export const layout = {
  /** In the work root, beside the jobs' own folders: each job by its id. */
  jobsPrefix: "jobs/",
  job: (id: string) => `jobs/${id}.json`,
  idOfJob: (key: string) => key.slice("jobs/".length, -".json".length),
  /** All that a job's own folder holds. */
  workPrefixes: ["plan/", "batches/", "vectors/", "done/", "quarantine/", "manifest/", "gate/"],
  /** Judged queries that a new generation is measured with. */
  judgedQueries: "gate/queries.json",
  planPrefix: "plan/",
  planPage: (page: number) => `plan/${padded(page)}.json`,
  batchesPrefix: "batches/",
  splitIndex: (shard: string) => `batches/${shard}/split.json`,
  batch: (shard: string, index: number) => `batches/${shard}/${padded(index)}.arrow`,
  vectorsPrefix: "vectors/",
  vectors: (shard: string, index: number) => `vectors/${shard}/${padded(index)}.arrow`,
  vectorsIndex: (shard: string, index: number) => `vectors/${shard}/${padded(index)}.json`,
  isVectorsIndex: (key: string) => /^vectors\/(?!log\/).*\.json$/s.test(key),
  /** What each commit that kept its vectors did to the store, in order. */
  vectorsLogPrefix: "vectors/log/",
  vectorsLog: (commit: number) => `vectors/log/${padded(commit)}.json`,
  /** Ids that a commit deleted, so many of them in one blob. */
  vectorsLogDeleted: (commit: number, index: number) => `vectors/log/${padded(commit)}-deleted-${padded(index)}.json`,
  commitOfVectorsLog: (key: string) => Number(/^vectors\/log\/(\d+)\.json$/.exec(key)?.[1] ?? Number.NaN),
  donePrefix: "done/",
  done: (shard: string) => `done/${shard}.json`,
  quarantinePrefix: "quarantine/",
  /** Rows that could not be parsed or chunked. */
  quarantine: (shard: string) => `quarantine/${shard}.jsonl`,
  /** Chunks of one batch that could not be encoded. */
  quarantineOfBatch: (shard: string, index: number) => `quarantine/${shard}-${padded(index)}.jsonl`,
  isQuarantineOfBatch: (key: string) => /-[0-9a-f]{8}(\.\d+)?-\d{6,}\.jsonl$/.test(key),
  /** The shard whose parts wrote it. */
  shardOfQuarantine: (key: string) => /^quarantine\/(\d+-\d+-[0-9a-f]+)/.exec(key)?.[1] ?? "",
  /** Names the manifest in force; replacing this one blob is what commits a job. */
  manifestHead: "manifest/head.json",
  manifestPagesPrefix: "manifest/pages/",
  manifestPage: (digest: string) => `manifest/pages/${digest}.jsonl`,
  digestOfManifestPage: (key: string) => key.slice("manifest/pages/".length, -".jsonl".length),
} as const;

/** Where everything lies in the work folder of a generation job, beside what `layout` says of plans and batches. */
export const generateLayout = {
  /** The first page is written last: where it is, all are. */
  plan: layout.planPage,
  /** What is answered of a batch that is being worked on; a line for each answer. */
  journal: (shard: string, index: number) => `journal/${shard}-${padded(index)}.jsonl`,
  /** The same where nothing can be appended to: each part is a blob of such lines. */
  journalParts: (shard: string, index: number) => `journal/${shard}-${padded(index)}/`,
  texts: (shard: string, index: number) => `texts/${shard}/${padded(index)}.arrow`,
  textsIndex: (shard: string, index: number) => `texts/${shard}/${padded(index)}.json`,
  /** A batch's answers as they will stand in the output. */
  answersPrefix: "answers/",
  answers: (shard: string, index: number) => `answers/${shard}/${padded(index)}.jsonl`,
  /** Of an OpenAI batch, what goes into the file of failures. */
  failuresPrefix: "failures/",
  failures: (shard: string, index: number) => `failures/${shard}/${padded(index)}.jsonl`,
  /** What the finished job did, and what its output is. */
  done: "done/job.json",
  /** What is of no use any more once a job is done. */
  passing: ["plan/", "batches/", "journal/", "texts/", "answers/", "failures/"],
} as const;

function padded(index: number): string {
  return String(index).padStart(6, "0");
}
