import type { Job, RowRange } from "@millrace/core";
import { serveHost } from "../hosts/serve.js";
import { openSource } from "../sources/open-source.js";
import { type SurveyRequest, surveyObject } from "./survey-object.js";

/** Bytes pass fast: one sign of life a second is enough. */
const noteMilliseconds = 1_000;

/** The survey host: a process of its own, so that counting the rows of a large object holds up neither splitting nor the main one. */
await serveHost<{ readonly job: Job }, SurveyRequest, readonly RowRange[]>(async ({ job }, note) => {
  const source = await openSource(job.source);
  let notedAt = 0;
  const onProgress = () => {
    if (performance.now() - notedAt < noteMilliseconds) return;
    notedAt = performance.now();
    note(null);
  };
  return { facts: null, handle: (request) => surveyObject({ source, job, onProgress }, request) };
});
