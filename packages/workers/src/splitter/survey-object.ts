import { type CorpusObject, type Job, MillraceError, RangeCutter, type RowRange, type Source } from "@millrace/core";
import { openContent } from "../formats/content.js";
import { DistinctKeys } from "../formats/distinct-keys.js";
import { defaultLimits } from "../formats/limits.js";
import { parserFor } from "../formats/registry.js";
import type { WorkLimits } from "../work-limits.js";

/** One large object to cut into ranges. */
export interface SurveyRequest {
  readonly object: CorpusObject;
  readonly limits: WorkLimits["range"];
}

export interface Surveying {
  readonly source: Source;
  readonly job: Job;
  /** A sign of life. */
  readonly onProgress: () => void;
}

/**
 * Reads a large object once and cuts it into ranges that give the same rows as the whole. Empty where it is to be read from
 * front to back: it is compressed, of a format without seams, too small, a document key is in it twice, or it cannot be
 * read; splitting it then finds out why.
 * @throws what ends the job, such as E_UNREACHABLE
 */
export async function surveyObject(surveying: Surveying, request: SurveyRequest): Promise<readonly RowRange[]> {
  try {
    const ranges = await survey(surveying, request);
    return ranges.length > 1 ? ranges : [];
  } catch (error) {
    if (error instanceof MillraceError && error.facts.scope === "job") throw error;
    return [];
  }
}

async function survey(
  { source, job, onProgress }: Surveying,
  { object, limits }: SurveyRequest,
): Promise<readonly RowRange[]> {
  const open = await source.open(object);
  try {
    const parseLimits = { ...defaultLimits, ...job.limits };
    const content = await openContent(open, parseLimits);
    if (content.stored === undefined) return [];
    const cutter = new RangeCutter(object.bytes, limits);
    const keys = new DistinctKeys(limits.keys);
    const options = { fields: job.fields, limits: parseLimits, cutter, keys, onProgress };
    const parser = await parserFor(content);
    return (await parser.survey?.(content, options)) ?? [];
  } finally {
    await open.close();
  }
}
