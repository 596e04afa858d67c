import {
  type DecodingOptions,
  type Document,
  greedyDecoding,
  type Json,
  MillraceError,
  mostTopLogprobs,
  type Payload,
} from "@millrace/core";
import type { RowWishes } from "../arrow/prompt-file.js";
import type { ChatMessage } from "../chat/chat-template.js";
import { decodingProblem } from "../engines/decoding/check.js";
import { messagesOf } from "./prompt-maker.js";

/** One line of an OpenAI batch file: what to answer, or texts to make vectors of, and how. */
export type OpenAiRequest =
  | { readonly prompt: string | readonly ChatMessage[]; readonly wishes: RowWishes }
  | { readonly texts: readonly string[]; readonly wishes: RowWishes };

/** Endpoints that a line may ask for. */
export const openAiEndpoints = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"] as const;

/** The name a line gives itself; "" where it gives none. */
export function customIdOf({ payload: { custom_id } }: Document): string {
  return typeof custom_id === "string" ? custom_id : "";
}

/** @throws E_ROW_PROMPT for what cannot be honoured, naming the field */
export function readOpenAiRequest({ custom_id, method, url, body }: Payload): OpenAiRequest {
  if (typeof custom_id !== "string" || custom_id === "") throw refused("custom_id", "it must be a text");
  if (method !== undefined && method !== "POST") throw refused("method", "it must be POST");
  const endpoint = openAiEndpoints.find((each) => each === url);
  if (endpoint === undefined) throw refused("url", `it must be one of ${openAiEndpoints.join(", ")}`);
  if (!isObject(body)) throw refused("body", "it must be an object");
  for (const name of refusedFields) {
    const value = body[name] ?? null;
    if (value !== null && !isNeutral(value)) throw refused(`body.${name}`, "it is not supported");
  }
  if (endpoint === "/v1/embeddings")
    return { texts: textsOf(body), wishes: { endpoint, decoding: {}, sequences: 1, ...formOf(body) } };
  const decoding = decodingOf(body, endpoint);
  const problem = decodingProblem({ ...greedyDecoding, maxNewTokens: Number.MAX_SAFE_INTEGER, ...decoding });
  if (problem !== undefined) throw refused("body", problem);
  return { prompt: promptOf(body, endpoint), wishes: { endpoint, decoding, sequences: count(body, "n") ?? 1 } };
}

/** Fields that would change an answer in ways there are none of here. */
const refusedFields = ["tools", "functions", "response_format", "logit_bias", "best_of", "suffix", "echo", "stream"];

/** Values that ask for nothing. */
function isNeutral(value: Json): boolean {
  if (value === false || value === 1) return true;
  if (isObject(value)) return Object.keys(value).length === 0 || value.type === "text";
  return Array.isArray(value) && value.length === 0;
}

function textsOf({ input, dimensions = null }: Payload): readonly string[] {
  const texts = typeof input === "string" ? [input] : input;
  const isTexts = Array.isArray(texts) && texts.length > 0 && texts.every((text) => typeof text === "string");
  if (!isTexts) throw refused("body.input", "it must be a text or a list of texts");
  if (dimensions !== null) throw refused("body.dimensions", "it is not supported; --dimensions is, for all requests");
  return texts as readonly string[];
}

function formOf({ encoding_format: form = null }: Payload): Pick<RowWishes, "isBase64"> {
  if (form === null || form === "float") return {};
  if (form === "base64") return { isBase64: true };
  throw refused("body.encoding_format", "it must be float or base64");
}

function promptOf(body: Payload, endpoint: string): string | readonly ChatMessage[] {
  if (endpoint === "/v1/completions") {
    if (typeof body.prompt === "string") return body.prompt;
    throw refused("body.prompt", "it must be a text");
  }
  const messages = messagesOf(body.messages);
  if (messages === undefined) throw refused("body.messages", "it is missing");
  return messages;
}

function decodingOf(body: Payload, endpoint: string): Partial<DecodingOptions> {
  const isChat = endpoint === "/v1/chat/completions";
  const longest = count(body, "max_completion_tokens") ?? count(body, "max_tokens");
  const stop = typeof body.stop === "string" ? [body.stop] : (body.stop ?? undefined);
  if (stop !== undefined && !(Array.isArray(stop) && stop.every((each) => typeof each === "string")))
    throw refused("body.stop", "it must be a text or a list of texts");
  const top = isChat
    ? body.logprobs === true
      ? (count(body, "top_logprobs") ?? 0)
      : undefined
    : count(body, "logprobs");
  if (top !== undefined && top > mostTopLogprobs) throw refused("body", `at most ${mostTopLogprobs} log-probabilities`);
  return defined({
    maxNewTokens: longest,
    temperature: number(body, "temperature"),
    topP: number(body, "top_p"),
    topK: count(body, "top_k"),
    minP: number(body, "min_p"),
    repetitionPenalty: number(body, "repetition_penalty"),
    frequencyPenalty: number(body, "frequency_penalty"),
    presencePenalty: number(body, "presence_penalty"),
    seed: count(body, "seed"),
    topLogprobs: top,
    stopTexts: stop as readonly string[] | undefined,
  });
}

type Loose<Fields> = { readonly [Name in keyof Fields]: Fields[Name] | undefined };

function defined<Fields extends object>(fields: Loose<Fields>): Partial<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<Fields>;
}

function number(body: Payload, name: string): number | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || typeof value === "number") return value;
  throw refused(`body.${name}`, "it must be a number");
}

function count(body: Payload, name: string): number | undefined {
  const value = number(body, name);
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw refused(`body.${name}`, "it must be a whole number from 0 on");
}

function isObject(value: Json | undefined): value is Payload {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(field: string, why: string): MillraceError {
  return new MillraceError("E_ROW_PROMPT", `the request's ${field} cannot be used`, { why });
}
