import {
  type FieldMapping,
  type GenerateJob,
  layout,
  MillraceError,
  type PromptBatchRef,
  type PromptShard,
  type PromptSplit,
  type Row,
} from "@millrace/core";
import { encodePromptFile, type PromptRow } from "../arrow/prompt-file.js";
import { putBlob, readJson, writeJson } from "../blobs/json.js";
import { parseObject } from "../formats/parse-object.js";
import { readableRows } from "../formats/readable-rows.js";
import { toldReads } from "../formats/told-reads.js";
import { toPlainError } from "../hosts/messages.js";
import { customIdOf, readOpenAiRequest } from "../prompts/openai-request.js";
import type { PromptMaker, PromptText } from "../prompts/prompt-maker.js";
import { defaultGenerateLimits, type PromptContext } from "./context.js";

/** Reads one part of an object into batches, or finds those an earlier run made. */
export async function splitPrompts(context: PromptContext, job: GenerateJob, shard: PromptShard): Promise<PromptSplit> {
  const indexKey = layout.splitIndex(shard.id);
  const known = await readJson<PromptSplit>(context.blobs, indexKey);
  if (known !== undefined) return known;
  const { limits = defaultGenerateLimits } = context;
  const batches: PromptBatchRef[] = [];
  let next = shard.fromRow;
  let isWhole = true;
  let furthest = shard.fromByte;
  const onByte = (position: number) => {
    furthest = Math.max(furthest, Math.min(position, shard.object.bytes));
  };
  for await (const drafts of draftsOf(context, job, { shard, onByte })) {
    if (batches.length === limits.batchesPerPart) {
      isWhole = false;
      break;
    }
    batches.push(await writeBatch(context, shard, { index: batches.length, drafts }));
    next = (drafts.at(-1)?.row ?? next) + 1;
  }
  const rest = isWhole ? {} : { rest: { ...shard, id: followingId(shard.id), fromRow: next, fromByte: furthest } };
  const split: PromptSplit = { batches, ...rest, bytes: (isWhole ? shard.object.bytes : furthest) - shard.fromByte };
  await writeJson(context.blobs, indexKey, split);
  return split;
}

/** `<object>.<part>`: digits enough to sort in order. */
function followingId(id: string): string {
  const [object, part] = id.split(".");
  return `${object}.${String(Number(part) + 1).padStart(6, "0")}`;
}

/** A row before its tokens are known. */
interface Draft extends Omit<PromptRow, "tokenIds" | "prompt"> {
  readonly prompt?: PromptText;
  /** To make vectors of. */
  readonly texts?: readonly string[];
}

interface Reading {
  readonly shard: PromptShard;
  /** Told how far the object was read. */
  readonly onByte: (position: number) => void;
}

/** Rows in groups of at most a batch, in the object's order. */
async function* draftsOf(
  { source, prompts, limits = defaultGenerateLimits }: PromptContext,
  job: GenerateJob,
  { shard: { object, fromRow }, onByte }: Reading,
): AsyncGenerator<readonly Draft[]> {
  const open = toldReads(await source.open(object), onByte);
  try {
    let group: Draft[] = [];
    let characters = 0;
    for await (const row of readableRows(parseObject(open, mappingOf(job), job.limits), object.key)) {
      if (row.row < fromRow) continue;
      const draft = draftOf(row, job, prompts);
      const length = draft.prompt?.text.length ?? draft.texts?.join("").length ?? 0;
      const isFull = group.length === limits.batch.rows || characters + length > limits.batch.characters;
      if (isFull && group.length > 0) {
        yield group;
        group = [];
        characters = 0;
      }
      group.push(draft);
      characters += length;
    }
    if (group.length > 0) yield group;
  } finally {
    await open.close();
  }
}

/** Every field is read: a template may name any, and messages are no text. */
function mappingOf({ format, prompts: { id, template } }: GenerateJob): FieldMapping {
  const text = template === undefined && format === "rows" ? ["prompt"] : [];
  return { ...(id === undefined ? {} : { id }), text, isTextOptional: true, payload: ["*"] };
}

function draftOf(row: Row, { format, prompts: { payload } }: GenerateJob, prompts: PromptMaker): Draft {
  if ("error" in row) {
    // A request whose name cannot be read has none; a row that has none goes by its number.
    const id = format === "openai" ? "" : String(row.row);
    return { row: row.row, id, payload: {}, error: toPlainError(row.error) };
  }
  const { document } = row;
  const isKept = (name: string) => payload.includes("*") || payload.includes(name);
  const kept = Object.fromEntries(Object.entries(document.payload).filter(([name]) => isKept(name)));
  const base = { row: row.row, id: format === "openai" ? customIdOf(document) : document.key, payload: kept };
  try {
    if (format === "rows") return { ...base, prompt: prompts.ofDocument(document) };
    const request = readOpenAiRequest(document.payload);
    const { wishes } = request;
    if ("texts" in request) return { ...base, texts: request.texts, wishes };
    const { prompt } = request;
    return {
      ...base,
      prompt: typeof prompt === "string" ? prompts.ofText(prompt) : prompts.ofMessages(prompt),
      wishes,
    };
  } catch (error) {
    if (error instanceof MillraceError && error.facts.scope === "row") return { ...base, error: toPlainError(error) };
    throw error;
  }
}

async function writeBatch(
  { blobs, prompts }: PromptContext,
  { id: shard }: PromptShard,
  { index, drafts }: { readonly index: number; readonly drafts: readonly Draft[] },
): Promise<PromptBatchRef> {
  const made = drafts.flatMap(({ prompt }) => (prompt === undefined ? [] : [prompt]));
  const encoded = (await prompts.encode(made)).values();
  const rows = drafts.map(({ prompt, texts, ...draft }): PromptRow => {
    const tokenIds = prompt === undefined ? new Int32Array() : (encoded.next().value as Int32Array);
    return { ...draft, prompt: texts === undefined ? (prompt?.text ?? "") : JSON.stringify(texts), tokenIds };
  });
  const blob = await putBlob(blobs, layout.batch(shard, index), encodePromptFile(rows));
  const tokens = rows.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
  return { ...blob, shard, index, rows: rows.length, tokens };
}
