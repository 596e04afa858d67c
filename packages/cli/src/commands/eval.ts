import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type EngineFacts, meanScores, type RankingScores } from "@millrace/core";
import { createEmbeddedRuntime, embedCorpus, Interrupted } from "@millrace/workflows";
import { type BeirSet, openBeirSet } from "../beir.js";
import type { CommandContext } from "../command.js";
import { hostsAtWork, type OpenJob, openJob, scoreJob } from "../compose.js";
import { resolvePath } from "../config/paths.js";
import { endInterrupted } from "../ending.js";
import { formatCount, formatCountOf, formatDuration } from "../report/format.js";
import { createTally } from "../tally.js";

/** `millrace eval`: how well the model finds what people judged relevant, and how fast it encodes. */
export async function run(context: CommandContext, [folder = ""]: readonly string[]): Promise<number> {
  const { settings, say, standardInput } = context;
  const set = await openBeirSet(resolve(resolvePath(folder, {})));
  const work = await mkdtemp(join(tmpdir(), "millrace-eval-"));
  const tally = createTally((state) => context.reporter.update(state));
  try {
    const open = await openJob({
      // BEIR's figures are those of whole documents, title and text joined, cut at the model's length.
      settings: {
        ...settings,
        store: `memory:${work}`,
        work,
        corpus: "eval",
        chunkingStrategy: "truncate",
        overlap: 0,
        idField: "_id",
        titleField: undefined,
        textField: ["title", "text"],
      },
      location: set.corpusPath,
      standardInput,
      say,
      onTokens: tally.addTokens,
    });
    try {
      return await evaluate(context, { open, set, tally });
    } finally {
      await open.close();
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return endInterrupted(context, "stopped; nothing was kept");
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface Evaluation {
  readonly open: OpenJob;
  readonly set: BeirSet;
  readonly tally: ReturnType<typeof createTally>;
}

async function evaluate(context: CommandContext, { open, set, tally }: Evaluation): Promise<number> {
  const { settings, stop, reporter } = context;
  const startedAt = performance.now();
  const hosts = hostsAtWork(settings);
  const runtime = createEmbeddedRuntime({ steps: open.steps, hosts, stop, report: tally.take });
  open.encoder.warm();
  const summary = await embedCorpus(runtime, open.job);
  const indexedAt = performance.now();
  const scores = await scoreJob(open, set, settings.queryPrompt);
  const searchedAt = performance.now();
  reporter.finish();
  show(context, {
    scores: meanScores(scores),
    documents: summary.documents,
    queries: scores.length,
    engine: open.encoder.engine,
    tokens: tally.totals().encoded.tokens,
    tokensPerSecond: tally.rate() ?? 0,
    indexMilliseconds: indexedAt - startedAt,
    searchMilliseconds: searchedAt - indexedAt,
  });
  return 0;
}

interface EvalResult {
  readonly scores: RankingScores;
  readonly documents: number;
  readonly queries: number;
  readonly engine: EngineFacts;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly indexMilliseconds: number;
  readonly searchMilliseconds: number;
}

function show({ settings, print, reporter }: CommandContext, result: EvalResult): void {
  const { scores, documents, queries, engine, tokens, tokensPerSecond, indexMilliseconds, searchMilliseconds } = result;
  if (settings.json) {
    const seconds = { index: indexMilliseconds / 1000, search: searchMilliseconds / 1000 };
    reporter.event("result", {
      ok: true,
      exitCode: 0,
      ...scores,
      documents,
      queries,
      tokens,
      tokensPerSecond,
      seconds,
      ...engine,
    });
    return;
  }
  const percent = (share: number) => (share * 100).toFixed(2);
  const lines = [
    `nDCG@10     ${percent(scores.ndcgAt10)}`,
    `recall@100  ${percent(scores.recallAt100)}`,
    `MRR@10      ${percent(scores.mrrAt10)}`,
    `${formatCountOf(documents, "document")}, ${formatCountOf(tokens, "token")} in ${formatDuration(indexMilliseconds)} (${formatCount(tokensPerSecond)} tokens/s)`,
    `${formatCount(queries)} queries in ${formatDuration(searchMilliseconds)}, exact search`,
  ];
  print(`${lines.join("\n")}\n`);
}
