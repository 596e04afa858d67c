import {
  asMillraceError,
  type DecodingOptions,
  type GeneratedRow,
  type GenerateJob,
  generateLayout,
  MillraceError,
  type PromptBatchRef,
  type TextsRef,
} from "@millrace/core";
import { openPromptFile, type PromptRow } from "../arrow/prompt-file.js";
import { encodeTextsFile, type TextRow } from "../arrow/texts-file.js";
import { getBlob, putBlob, readJson, writeJson } from "../blobs/json.js";
import { type PlainError, toPlainError } from "../hosts/messages.js";
import { sha256 } from "../identity/digest.js";
import { judgeRows } from "../tasks/judge-rows.js";
import { answerReader, type ReadAnswer } from "../tasks/read-answer.js";
import type { AnswerRows, WantedAnswer } from "./answerer.js";
import type { AnswerContext } from "./context.js";
import { embedded } from "./embed.js";
import type { JournalEntry } from "./journal.js";

/** Answers a batch's prompts, but for those that the journal has; what it then holds becomes the batch's answers. */
export async function answerBatch(context: AnswerContext, job: GenerateJob, batch: PromptBatchRef): Promise<TextsRef> {
  const { blobs } = context;
  const { shard, index } = batch;
  const indexKey = generateLayout.textsIndex(shard, index);
  const known = await readJson<TextsRef>(blobs, indexKey);
  if (known !== undefined) return known;
  const prompts = openPromptFile(await getBlob(blobs, batch));
  const journal = await context.openJournal(batch);
  const entries = new Map<string, JournalEntry>();
  for (const entry of journal.entries) {
    entries.set(nameOf(entry), entry);
    context.onAnswer?.({ ...entry, isNew: false });
  }
  const kept: Promise<void>[] = [];
  const take = (found: readonly JournalEntry[]) => {
    for (const entry of found) entries.set(nameOf(entry), entry);
    const areKept = journal.add(found).then(() => {
      for (const entry of found) context.onAnswer?.({ ...entry, isNew: true });
    });
    areKept.catch(() => {});
    kept.push(areKept);
  };
  try {
    const wanted = wantedOf(prompts, job).filter((each) => !entries.has(nameOf(each)));
    take(wanted.flatMap((each) => (each.prompt.error === undefined ? [] : [unanswered(each, each.prompt.error)])));
    const answerRows = await answererOf(context, job);
    await answerRows(
      wanted.filter(({ prompt }) => prompt.error === undefined),
      take,
    );
  } finally {
    await journal.close();
  }
  await Promise.all(kept);
  const rows = wantedOf(prompts, job).map((each) => textRow(each.prompt, entries.get(nameOf(each)) as JournalEntry));
  const blob = await putBlob(blobs, generateLayout.texts(shard, index), encodeTextsFile(rows));
  const failed = new Set([...entries.values()].flatMap(({ place, error }) => (error === undefined ? [] : [place])))
    .size;
  const texts = { ...blob, shard, index, rows: prompts.length, failed, ...tokensOf(rows) };
  await writeJson(blobs, indexKey, texts);
  await journal.remove();
  return texts;
}

/** All answers a batch wants, in the order they will have. A prompt that is none gets one answer: why. */
function wantedOf(prompts: readonly PromptRow[], job: GenerateJob): readonly WantedAnswer[] {
  return prompts.flatMap((prompt, place) => {
    const length = prompt.error === undefined ? (prompt.wishes?.sequences ?? job.sequences) : 1;
    return Array.from({ length }, (_, sequence) => ({ prompt, place, sequence }));
  });
}

type AskedTogether = readonly [WantedAnswer, ...WantedAnswer[]];

/** The answers that a beam search gives to one prompt are found together; any other alone. */
function askedTogether(wanted: readonly WantedAnswer[], { decoding }: GenerateJob): readonly AskedTogether[] {
  const isSearched = ({ prompt }: WantedAnswer) => ({ ...decoding, ...prompt.wishes?.decoding }).beams !== undefined;
  const searched = Map.groupBy(wanted.filter(isSearched), ({ place }) => place);
  const together = [...searched.values()].map(([first, ...others]) => [first as WantedAnswer, ...others] as const);
  return [...together, ...wanted.filter((each) => !isSearched(each)).map((each) => [each] as const)];
}

function nameOf({ place, sequence }: Pick<JournalEntry, "place" | "sequence">): string {
  return `${place}.${sequence}`;
}

function unanswered({ place, sequence }: WantedAnswer, error: PlainError): JournalEntry {
  return { place, sequence, text: "", generatedTokens: 0, error };
}

/** The work is for a model with a head where the job says so. @throws E_INTERNAL where there is none here */
async function answererOf(context: AnswerContext, job: GenerateJob): Promise<AnswerRows> {
  const { judge, stop } = context;
  if (job.task?.by !== "head") return generatingRows(context, job);
  if (judge !== undefined) return judgeRows(judge, stop);
  throw new MillraceError("E_INTERNAL", "there is no model with a head to judge rows with");
}

/** Lets the generator answer rows, all at once: it knows how many it can take. */
async function generatingRows(context: AnswerContext, job: GenerateJob): Promise<AnswerRows> {
  const read = job.task?.by === "generator" ? await answerReader(job.task) : undefined;
  return async (wanted, take) => {
    const outcomes = await Promise.allSettled(
      askedTogether(wanted, job).map(async (together) =>
        take(await answer(context, together, { decoding: job.decoding, read })),
      ),
    );
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  };
}

interface Asked {
  readonly decoding: DecodingOptions;
  /** What a task makes of an answer. */
  readonly read: ReadAnswer | undefined;
}

async function answer(
  context: AnswerContext,
  together: AskedTogether,
  { decoding, read }: Asked,
): Promise<readonly JournalEntry[]> {
  const { generator, stop } = context;
  const [{ prompt, sequence }] = together;
  const placed = ({ place, sequence: own }: WantedAnswer) => ({ place, sequence: own });
  try {
    if (prompt.wishes?.endpoint === "/v1/embeddings") {
      const vectors = await embedded(context, prompt);
      return together.map((each) => ({ ...placed(each), generatedTokens: 0, finishReason: "stop", ...vectors }));
    }
    const request = { promptIds: prompt.tokenIds, decoding: ofRow(decoding, prompt), sequence };
    const row = await generator.generate(request, stop);
    const found = [row, ...(row.alternatives ?? [])];
    return together.map((each) => ({
      ...placed(each),
      ...entryOf(found[request.decoding.beams === undefined ? 0 : each.sequence] ?? row, read),
    }));
  } catch (cause) {
    stop?.throwIfAborted();
    const error = asMillraceError(cause, "E_INTERNAL", "the generator failed");
    if (!(error instanceof MillraceError) || error.facts.scope !== "row") throw error;
    return together.map((each) => unanswered(each, toPlainError(error)));
  }
}

function entryOf({ text, ids, finishReason, logprobs, score }: GeneratedRow, read: ReadAnswer | undefined) {
  const sure = { ...(logprobs && { logprobs }), ...(score !== undefined && { score }) };
  const told = read === undefined ? { text, ...sure } : read({ text, finishReason, logprobs });
  return { generatedTokens: ids.length, finishReason, ...told };
}

/** Rows of equal prompts draw other tokens, and each the same in every run; a seed that a row names is taken as it is. */
function ofRow(job: DecodingOptions, { id, wishes }: PromptRow): DecodingOptions {
  const decoding = { ...job, ...wishes?.decoding };
  if (decoding.temperature === 0 || wishes?.decoding.seed !== undefined) return decoding;
  const digest = sha256(JSON.stringify([decoding.seed, id]));
  return { ...decoding, seed: Number.parseInt(digest.slice(0, 13), 16) };
}

function textRow({ id, path, tokenIds, payload, wishes }: PromptRow, entry: JournalEntry): TextRow {
  const { place: _, ...answered } = entry;
  return {
    id,
    path,
    promptTokens: tokenIds.length,
    payload,
    ...(wishes && { endpoint: wishes.endpoint }),
    ...answered,
  };
}

function tokensOf(rows: readonly TextRow[]): Pick<TextsRef, "promptTokens" | "generatedTokens"> {
  const answered = rows.filter(({ error }) => error === undefined);
  const first = answered.filter(({ sequence }) => sequence === 0);
  return {
    promptTokens: first.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
    generatedTokens: answered.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0),
  };
}
