import type { GenerateJob, GenerateSteps, Job, ReindexOptions, ReindexSteps, Steps } from "@millrace/core";
import { jobIdOf, workName } from "../jobs/places.js";

/** One call of a step, as whoever watches it names it. */
export interface StepCall {
  readonly step: keyof Steps | keyof GenerateSteps | keyof ReindexSteps;
  /** The job's id. */
  readonly job: string;
  readonly shard?: string;
  /** Positions within the shard of the batches it takes. */
  readonly batches?: readonly number[];
}

/** What a step did, in a few numbers. */
export type StepFacts = Readonly<Record<string, number>>;

export interface StepDone<Result> {
  readonly result: Result;
  readonly facts: StepFacts;
}

/** Has a step called, and does something before and after. @returns what the step returned @throws what it threw */
export type Around = <Result>(call: StepCall, work: () => Promise<StepDone<Result>>) => Promise<Result>;

/** The same steps, each called by `around`. Takes any part of them, as a worker's queues have. */
export function aroundSteps<Part extends Partial<Steps>>(steps: Part, around: Around): Part {
  const { plan, split, encode, write, commit } = steps;
  const watched: Partial<Steps> = {
    ...(plan && {
      plan: (job, ...page) =>
        around({ step: "plan", job: jobIdOf(job) }, async () => {
          const result = await plan(job, ...page);
          const { newObjects, changedObjects, unchangedObjects, removedObjects, bytes } = result.counts;
          const objects = { newObjects, changedObjects, unchangedObjects, removedObjects };
          return { result, facts: { page: result.page, shards: result.shards.length, ...objects, bytes } };
        }),
    }),
    ...(split && {
      split: (job, shard) =>
        around({ step: "split", job: jobIdOf(job), shard: shard.id }, async () => {
          const result = await split(job, shard);
          return { result, facts: { ...result.counts, batchCount: result.batches.length } };
        }),
    }),
    ...(encode && {
      encode: (job, batches) =>
        around({ step: "encode", job: jobIdOf(job), ...placeOf(batches) }, async () => {
          const result = await encode(job, batches);
          const facts = {
            chunks: sumOf(batches, ({ chunks }) => chunks),
            tokens: sumOf(batches, ({ tokens }) => tokens),
            reused: sumOf(result, ({ reused }) => reused?.chunks ?? 0),
            quarantined: sumOf(result, ({ quarantined }) => quarantined),
          };
          return { result, facts };
        }),
    }),
    ...(write && {
      write: (job, shard, vectors) =>
        around({ step: "write", job: jobIdOf(job), shard: shard.id }, async () => {
          const result = await write(job, shard, vectors);
          return { result, facts: { points: sumOf(result, ({ points }) => points) } };
        }),
    }),
    ...(commit && {
      commit: (job) =>
        around({ step: "commit", job: jobIdOf(job) }, async () => {
          const result = await commit(job);
          const { documents, objects, points, deletedPoints } = result;
          return { result, facts: { objects, documents, points, deletedPoints } };
        }),
    }),
  };
  return { ...steps, ...watched };
}

/** The same of the steps on a generation that a reindex has filled. */
export function aroundReindexSteps<Part extends Partial<ReindexSteps>>(steps: Part, around: Around): Part {
  const { verify, judge, promote } = steps;
  const watched = <Result>(step: keyof ReindexSteps, act: (job: Job, options: ReindexOptions) => Promise<Result>) => {
    return (job: Job, options: ReindexOptions) =>
      around({ step, job: jobIdOf(job) }, async () => ({ result: await act(job, options), facts: {} }));
  };
  return {
    ...steps,
    ...(verify && { verify: watched("verify", verify) }),
    ...(judge && { judge: watched("judge", judge) }),
    ...(promote && { promote: watched("promote", promote) }),
  };
}

/** The same of the steps that generate. */
export function aroundGenerateSteps<Part extends Partial<GenerateSteps>>(steps: Part, around: Around): Part {
  const { plan, split, generate, write, commit } = steps;
  const watched: Partial<GenerateSteps> = {
    ...(plan && {
      plan: (job, page) =>
        around({ step: "plan", job: nameOf(job) }, async () => {
          const result = await plan(job, page);
          return { result, facts: { page, shards: result.shards.length, bytes: result.bytes } };
        }),
    }),
    ...(split && {
      split: (job, shard) =>
        around({ step: "split", job: nameOf(job), shard: shard.id }, async () => {
          const result = await split(job, shard);
          const rows = sumOf(result.batches, (batch) => batch.rows);
          return { result, facts: { rows, batchCount: result.batches.length, bytes: result.bytes } };
        }),
    }),
    ...(generate && {
      generate: (job, batch) =>
        around({ step: "generate", job: nameOf(job), ...placeOf([batch]) }, async () => {
          const result = await generate(job, batch);
          const { rows, failed, promptTokens, generatedTokens } = result;
          return { result, facts: { rows, failed, promptTokens, generatedTokens } };
        }),
    }),
    ...(write && {
      write: (job, texts) =>
        around({ step: "write", job: nameOf(job), ...placeOf([texts]) }, async () => {
          await write(job, texts);
          return { result: undefined, facts: { rows: texts.rows } };
        }),
    }),
    ...(commit && {
      commit: (job) =>
        around({ step: "commit", job: nameOf(job) }, async () => {
          const result = await commit(job);
          const { rows, failed, promptTokens, generatedTokens } = result;
          return { result, facts: { rows, failed, promptTokens, generatedTokens } };
        }),
    }),
  };
  return { ...steps, ...watched };
}

/** A generation job is known by its work folder. */
function nameOf({ work }: GenerateJob): string {
  return workName(work);
}

interface Placed {
  readonly shard: string;
  readonly index: number;
}

/** Batches of one call are of one shard. */
function placeOf(batches: readonly Placed[]): Pick<StepCall, "shard" | "batches"> {
  const [first] = batches;
  return first === undefined ? {} : { shard: first.shard, batches: batches.map(({ index }) => index) };
}

function sumOf<Item>(items: readonly Item[], numberOf: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + numberOf(item), 0);
}
