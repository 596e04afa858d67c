import {
  addCounts,
  addPlanCounts,
  type EngineFacts,
  MillraceError,
  noPlanCounts,
  type PlanCounts,
  type Shard,
  type SplitCounts,
  shardBytes,
} from "@millrace/core";
import type { CommandContext } from "../command.js";
import { measureRate, type OpenJob, openDryRun } from "../compose.js";
import { knownRate } from "../rates.js";
import { formatBytes, formatCount, formatCountOf, formatDuration, formatMoney } from "../report/format.js";
import { ageSeconds, formatFreshness } from "../report/freshness.js";
import { spreadSample } from "../sample.js";
import { createTally } from "../tally.js";

/** Stored bytes that are read and counted exactly; of a larger corpus an even sample of this size is. */
const sampleBytes = 64 << 20;

/** `millrace plan`: what `index` would do. Nothing is written. */
export async function run(context: CommandContext, [location]: readonly string[]): Promise<number> {
  const { settings, say, reporter, standardInput } = context;
  const source = location ?? settings.source;
  if (source === undefined) {
    throw new MillraceError("E_USAGE", "there is nothing to plan", { fix: "Name a folder, a file or a glob." });
  }
  const open = await openDryRun({ settings, location: source, standardInput, say, onTokens: () => {} });
  try {
    const tally = createTally((state) => reporter.update(state));
    const listed = await list(open);
    tally.take({ kind: "planned", counts: listed.counts, isResumed: false });
    const sample = spreadSample(listed.shards, sampleBytes);
    let counted = tally.totals().counts;
    for (const shard of sample)
      counted = addCounts(
        counted,
        await count(open, shard, (counts) => tally.take({ kind: "split", counts, isDone: false })),
      );
    reporter.finish();
    const estimate = estimateWork(counted, { sampled: sumBytes(sample), all: listed.counts.bytes });
    const rate = estimate.tokens === 0 ? undefined : await rateOf(context, open);
    show(context, { counts: listed.counts, estimate, rate, hasResumed: listed.hasResumed });
    return 0;
  } finally {
    await open.close();
  }
}

interface Listed {
  readonly counts: PlanCounts;
  readonly shards: readonly Shard[];
  readonly hasResumed: boolean;
}

async function list({ job, steps }: OpenJob): Promise<Listed> {
  const shards: Shard[] = [];
  let counts = noPlanCounts;
  let hasResumed = false;
  let cursor: string | undefined;
  for (let page = 0; page === 0 || cursor !== undefined; page += 1) {
    const plan = await steps.plan(job, page, cursor);
    for (const shard of plan.shards) shards.push(shard);
    counts = addPlanCounts(counts, plan.counts);
    hasResumed ||= plan.isResumed;
    cursor = plan.next;
  }
  return { counts, shards, hasResumed };
}

async function count(
  { job, steps }: OpenJob,
  shard: Shard,
  onPart: (counts: SplitCounts) => void,
): Promise<SplitCounts> {
  let total: SplitCounts | undefined;
  for (let part: Shard | undefined = shard; part !== undefined; ) {
    const split = await steps.split(job, part);
    if (!split.isDone) onPart(split.counts);
    const counts = split.isDone ? { ...split.counts, chunks: 0, tokens: 0 } : split.counts;
    total = total === undefined ? counts : addCounts(total, counts);
    part = split.rest;
  }
  return total as SplitCounts;
}

interface Estimate {
  readonly documents: number;
  readonly unchangedDocuments: number;
  readonly chunks: number;
  readonly tokens: number;
  readonly quarantined: number;
  /** False where part of the corpus was read and the rest is taken to be like it. */
  readonly isExact: boolean;
}

function estimateWork(counted: SplitCounts, bytes: { readonly sampled: number; readonly all: number }): Estimate {
  const factor = bytes.sampled === 0 ? 1 : bytes.all / bytes.sampled;
  const scaled = (value: number) => Math.round(value * factor);
  return {
    documents: scaled(counted.documents),
    unchangedDocuments: scaled(counted.unchangedDocuments),
    chunks: scaled(counted.chunks),
    tokens: scaled(counted.tokens),
    quarantined: scaled(counted.quarantined),
    isExact: factor === 1,
  };
}

function sumBytes(shards: readonly Shard[]): number {
  return shards.reduce((sum, shard) => sum + shardBytes(shard), 0);
}

interface Rate {
  readonly tokensPerSecond: number;
  readonly origin: "an earlier run" | "a short trial";
  readonly engine: EngineFacts;
}

async function rateOf({ settings }: CommandContext, { job, model, encoder }: OpenJob): Promise<Rate> {
  const { engine } = encoder;
  const known = await knownRate(settings.cacheDirectory, model.compiled.graphDigest);
  if (known !== undefined) return { tokensPerSecond: known, origin: "an earlier run", engine };
  return { tokensPerSecond: await measureRate(encoder, model, job.chunking), origin: "a short trial", engine };
}

interface PlanView {
  readonly counts: PlanCounts;
  readonly estimate: Estimate;
  readonly rate: Rate | undefined;
  readonly hasResumed: boolean;
}

function show({ settings, reporter, print }: CommandContext, { counts, estimate, rate, hasResumed }: PlanView): void {
  const seconds = rate === undefined ? 0 : estimate.tokens / rate.tokensPerSecond;
  const cost = settings.pricePerHour === undefined ? undefined : (seconds / 3600) * settings.pricePerHour;
  if (settings.json) {
    reporter.event("result", {
      ok: true,
      exitCode: 0,
      objects: counts,
      ...estimate,
      tokensPerSecond: rate?.tokensPerSecond,
      ...rate?.engine,
      seconds,
      cost,
      isResumed: hasResumed,
      ...freshness(counts),
    });
    return;
  }
  const about = estimate.isExact ? "" : "about ";
  const lines = [
    `objects    ${formatCount(counts.newObjects)} new, ${formatCount(counts.changedObjects)} changed, ` +
      `${formatCount(counts.removedObjects)} removed, ${formatCount(counts.unchangedObjects)} unchanged (${formatBytes(counts.bytes)} to read)`,
    ...freshnessLine(counts),
    `documents  ${about}${formatCount(estimate.documents)}, of which ${formatCount(estimate.unchangedDocuments)} unchanged` +
      `${estimate.quarantined > 0 ? `; ${formatCountOf(estimate.quarantined, "row")} would be quarantined` : ""}`,
    `to encode  ${about}${formatCountOf(estimate.chunks, "chunk")}, ${formatCountOf(estimate.tokens, "token")}` +
      `${estimate.isExact ? "" : " (from an even sample of the corpus)"}`,
    rate === undefined
      ? "time       nothing to encode"
      : `time       about ${formatDuration(seconds * 1000)} at ${formatCount(rate.tokensPerSecond)} tokens/s (${rate.origin} on this machine)`,
    `cost       ${cost === undefined ? "unknown; say what an hour of this machine costs with --price-per-hour" : formatMoney(cost)}`,
    ...(hasResumed ? ["resume     an interrupted run left this plan; index goes on with it, then lists again"] : []),
  ];
  print(`${lines.join("\n")}\n`);
}

function freshness({ oldestChange }: PlanCounts) {
  return oldestChange === undefined ? {} : { freshness: { ageSeconds: ageSeconds(oldestChange, Date.now()) } };
}

function freshnessLine({ oldestChange }: PlanCounts): readonly string[] {
  const line = formatFreshness(oldestChange, Date.now());
  return line === undefined ? [] : [`freshness  ${line}`];
}
