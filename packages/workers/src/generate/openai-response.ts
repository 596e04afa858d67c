import type { TokenLogprob } from "@millrace/core";
import type { TextRow } from "../arrow/texts-file.js";
import { fromPlainError } from "../hosts/messages.js";
import { sha256 } from "../identity/digest.js";
import type { PromptMaker } from "../prompts/prompt-maker.js";

/** Lines of a batch's output and of its file of failures, in the requests' order. */
export interface OpenAiLines {
  readonly responses: readonly object[];
  readonly failures: readonly object[];
}

export interface OpenAiModel {
  /** What responses call the model. */
  readonly model: string;
  readonly prompts: Pick<PromptMaker, "tokens">;
}

/** Answers as OpenAI's batch API returns them; answers to one request are its choices. */
export async function openAiLines(rows: readonly TextRow[], { model, prompts }: OpenAiModel): Promise<OpenAiLines> {
  const responses: object[] = [];
  const failures: object[] = [];
  for (const choices of requestsOf(rows)) {
    const [first] = choices as [TextRow];
    const failed = choices.find(({ error }) => error !== undefined);
    if (failed !== undefined) failures.push(line(first, 400, { error: errorBody(failed) }));
    else responses.push(line(first, 200, await body(choices, { model, prompts })));
  }
  return { responses, failures };
}

/** A request's answers stand together, numbered from 0. */
function requestsOf(rows: readonly TextRow[]): readonly (readonly TextRow[])[] {
  const requests: TextRow[][] = [];
  for (const row of rows) {
    if (row.sequence === 0) requests.push([row]);
    else requests.at(-1)?.push(row);
  }
  return requests;
}

function line({ id }: TextRow, statusCode: number, responseBody: object): object {
  const name = sha256(JSON.stringify([id, responseBody])).slice(0, 24);
  return {
    id: `batch_req_${name}`,
    custom_id: id === "" ? null : id,
    response: { status_code: statusCode, request_id: `req_${name}`, body: responseBody },
    error: null,
  };
}

function errorBody({ error }: TextRow): object {
  if (error === undefined) return {};
  return { message: fromPlainError(error).message, type: "invalid_request_error", param: null, code: error.code };
}

async function body(rows: readonly TextRow[], { model, prompts }: OpenAiModel): Promise<object> {
  const [first] = rows as [TextRow];
  if (first.endpoint === "/v1/embeddings") return vectorsBody(first, model);
  const isChat = first.endpoint === "/v1/chat/completions";
  const completion = rows.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0);
  const choices = await Promise.all(rows.map((row) => choice(row, { isChat, prompts })));
  return {
    id: `${isChat ? "chatcmpl" : "cmpl"}-${sha256(JSON.stringify([first.id, rows.map(({ text }) => text)])).slice(0, 24)}`,
    object: isChat ? "chat.completion" : "text_completion",
    created: Math.floor(Date.now() / 1000),
    model,
    choices,
    usage: {
      prompt_tokens: first.promptTokens,
      completion_tokens: completion,
      total_tokens: first.promptTokens + completion,
    },
  };
}

function vectorsBody({ text, promptTokens }: TextRow, model: string): object {
  const vectors = JSON.parse(text) as readonly (string | readonly number[])[];
  return {
    object: "list",
    data: vectors.map((embedding, index) => ({ object: "embedding", index, embedding })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}

interface ChoiceForm {
  readonly isChat: boolean;
  readonly prompts: OpenAiModel["prompts"];
}

async function choice(row: TextRow, { isChat, prompts }: ChoiceForm): Promise<object> {
  const { sequence, text, finishReason, logprobs } = row;
  const content = isChat ? { message: { role: "assistant", content: text } } : { text };
  const named = logprobs === undefined ? undefined : await namedLogprobs(logprobs, prompts);
  return {
    index: sequence,
    ...content,
    logprobs: named === undefined ? null : isChat ? { content: named, refusal: null } : legacyLogprobs(named),
    finish_reason: finishReason,
  };
}

interface NamedLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

type NamedToken = NamedLogprob & { readonly top_logprobs: readonly NamedLogprob[] };

async function namedLogprobs(
  logprobs: readonly TokenLogprob[],
  prompts: OpenAiModel["prompts"],
): Promise<readonly NamedToken[]> {
  const ids = [...new Set(logprobs.flatMap(({ id, top }) => [id, ...top.map((each) => each.id)]))];
  const texts = await prompts.tokens(ids);
  const textById = new Map(ids.map((id, index) => [id, texts[index] as string]));
  const named = ({ id, logprob }: { readonly id: number; readonly logprob: number }): NamedLogprob => {
    const token = textById.get(id) ?? "";
    return { token, logprob, bytes: [...Buffer.from(token)] };
  };
  return logprobs.map((each) => ({ ...named(each), top_logprobs: each.top.map(named) }));
}

/** As the older endpoint has them. */
function legacyLogprobs(tokens: readonly NamedToken[]): object {
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top_logprobs }) =>
      Object.fromEntries(top_logprobs.map(({ token, logprob }) => [token, logprob])),
    ),
  };
}
