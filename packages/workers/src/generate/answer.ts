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
  try {
    const wanted = wantedOf(prompts, job).filter((each) => !entries.has(nameOf(each)));
    const outcomes = await Promise.allSettled(
      askedTogether(wanted, job).map(async (together) => {
        const found = await answer(context, job, together);
        for (const entry of found) entries.set(nameOf(entry), entry);
        const isKept = journal.add(found).then(() => {
          for (const entry of found) context.onAnswer?.({ ...entry, isNew: true });
        });
        isKept.catch(() => {});
        kept.push(isKept);
      }),
    );
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) throw failure.reason;
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

/** One answer that a batch wants. */
interface Wanted {
  readonly prompt: PromptRow;
  readonly place: number;
  readonly sequence: number;
}

/** All answers a batch wants, in the order they will have. A prompt that is none gets one answer: why. */
function wantedOf(prompts: readonly PromptRow[], job: GenerateJob): readonly Wanted[] {
  return prompts.flatMap((prompt, place) => {
    const length = prompt.error === undefined ? (prompt.wishes?.sequences ?? job.sequences) : 1;
    return Array.from({ length }, (_, sequence) => ({ prompt, place, sequence }));
  });
}

type AskedTogether = readonly [Wanted, ...Wanted[]];

/** The answers that a beam search gives to one prompt are found together; any other alone. */
function askedTogether(wanted: readonly Wanted[], { decoding }: GenerateJob): readonly AskedTogether[] {
  const isSearched = ({ prompt }: Wanted) => ({ ...decoding, ...prompt.wishes?.decoding }).beams !== undefined;
  const searched = Map.groupBy(wanted.filter(isSearched), ({ place }) => place);
  const together = [...searched.values()].map(([first, ...others]) => [first as Wanted, ...others] as const);
  return [...together, ...wanted.filter((each) => !isSearched(each)).map((each) => [each] as const)];
}

function nameOf({ place, sequence }: Pick<JournalEntry, "place" | "sequence">): string {
  return `${place}.${sequence}`;
}

async function answer(
  context: AnswerContext,
  { decoding }: GenerateJob,
  together: AskedTogether,
): Promise<readonly JournalEntry[]> {
  const { generator, stop } = context;
  const [{ prompt, sequence }] = together;
  const nothing = ({ place, sequence: own }: Wanted) => ({ place, sequence: own, text: "", generatedTokens: 0 });
  const failed = (error: PlainError) => together.map((each) => ({ ...nothing(each), error }));
  if (prompt.error !== undefined) return failed(prompt.error);
  try {
    if (prompt.wishes?.endpoint === "/v1/embeddings") {
      const vectors = await embedded(context, prompt);
      return together.map((each) => ({ ...nothing(each), finishReason: "stop", ...vectors }));
    }
    const request = { promptIds: prompt.tokenIds, decoding: ofRow(decoding, prompt), sequence };
    const row = await generator.generate(request, stop);
    const found = [row, ...(row.alternatives ?? [])];
    return together.map((each) => ({
      ...nothing(each),
      ...entryOf(found[request.decoding.beams === undefined ? 0 : each.sequence] ?? row),
    }));
  } catch (cause) {
    stop?.throwIfAborted();
    const error = asMillraceError(cause, "E_INTERNAL", "the generator failed");
    if (!(error instanceof MillraceError) || error.facts.scope !== "row") throw error;
    return failed(toPlainError(error));
  }
}

function entryOf({ text, ids, finishReason, logprobs, score }: GeneratedRow) {
  const sure = { ...(logprobs && { logprobs }), ...(score !== undefined && { score }) };
  return { text, generatedTokens: ids.length, finishReason, ...sure };
}

/** Rows of equal prompts draw other tokens, and each the same in every run; a seed that a row names is taken as it is. */
function ofRow(job: DecodingOptions, { id, wishes }: PromptRow): DecodingOptions {
  const decoding = { ...job, ...wishes?.decoding };
  if (decoding.temperature === 0 || wishes?.decoding.seed !== undefined) return decoding;
  const digest = sha256(JSON.stringify([decoding.seed, id]));
  return { ...decoding, seed: Number.parseInt(digest.slice(0, 13), 16) };
}

function textRow({ id, tokenIds, payload, wishes }: PromptRow, entry: JournalEntry): TextRow {
  const { place: _, ...answered } = entry;
  return { id, promptTokens: tokenIds.length, payload, ...(wishes && { endpoint: wishes.endpoint }), ...answered };
}

function tokensOf(rows: readonly TextRow[]): Pick<TextsRef, "promptTokens" | "generatedTokens"> {
  const answered = rows.filter(({ error }) => error === undefined);
  const first = answered.filter(({ sequence }) => sequence === 0);
  return {
    promptTokens: first.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
    generatedTokens: answered.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0),
  };
}
