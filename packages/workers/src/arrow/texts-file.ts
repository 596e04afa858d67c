import type { FinishReason, Payload, TokenLogprob } from "@millrace/core";
import { Table, tableFromIPC, tableToIPC } from "apache-arrow";
import type { PlainError } from "../hosts/messages.js";
import { int32Column, utf8Column } from "./columns.js";

/** One answer, or why there is none. */
export interface TextRow {
  readonly id: string;
  /** Number among the answers to its prompt, from 0. */
  readonly sequence: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly text: string;
  /** Absent where there is no answer. */
  readonly finishReason?: FinishReason;
  readonly logprobs?: readonly TokenLogprob[];
  /** Of a beam search. */
  readonly score?: number;
  readonly payload: Payload;
  /** What was asked for, where a batch file says it. */
  readonly endpoint?: string;
  readonly error?: PlainError;
}

/** Rows → an Arrow file; what is no text or number is JSON. */
export function encodeTextsFile(rows: readonly TextRow[]): Uint8Array {
  const json = (value: unknown) => (value === undefined ? "" : JSON.stringify(value));
  const table = new Table({
    id: utf8Column(rows.map(({ id }) => id)),
    sequence: int32Column(rows.map(({ sequence }) => sequence)),
    prompt_tokens: int32Column(rows.map(({ promptTokens }) => promptTokens)),
    generated_tokens: int32Column(rows.map(({ generatedTokens }) => generatedTokens)),
    text: utf8Column(rows.map(({ text }) => text)),
    finish_reason: utf8Column(rows.map(({ finishReason }) => finishReason ?? "")),
    logprobs: utf8Column(rows.map(({ logprobs }) => json(logprobs))),
    score: utf8Column(rows.map(({ score }) => json(score))),
    payload: utf8Column(rows.map(({ payload }) => json(payload))),
    endpoint: utf8Column(rows.map(({ endpoint }) => endpoint ?? "")),
    error: utf8Column(rows.map(({ error }) => json(error))),
  });
  return tableToIPC(table, "file");
}

/** The rows of such a file. */
export function openTextsFile(bytes: Uint8Array): readonly TextRow[] {
  const table = tableFromIPC(bytes);
  const texts = (name: string) => [...(table.getChild(name) as Iterable<string>)];
  const numbers = (name: string) => [...(table.getChild(name) as Iterable<number>)];
  const [promptTokens, generatedTokens, sequence] = ["prompt_tokens", "generated_tokens", "sequence"].map(numbers);
  const columns = Object.fromEntries(
    ["text", "finish_reason", "logprobs", "score", "payload", "endpoint", "error"].map((name) => [name, texts(name)]),
  );
  return texts("id").map((id, index) => {
    const at = (name: string) => columns[name]?.[index] ?? "";
    return {
      id,
      sequence: sequence?.[index] ?? 0,
      promptTokens: promptTokens?.[index] ?? 0,
      generatedTokens: generatedTokens?.[index] ?? 0,
      text: at("text"),
      payload: JSON.parse(at("payload")) as Payload,
      ...(at("finish_reason") === "" ? {} : { finishReason: at("finish_reason") as FinishReason }),
      ...(at("logprobs") === "" ? {} : { logprobs: JSON.parse(at("logprobs")) as readonly TokenLogprob[] }),
      ...(at("score") === "" ? {} : { score: JSON.parse(at("score")) as number }),
      ...(at("endpoint") === "" ? {} : { endpoint: at("endpoint") }),
      ...(at("error") === "" ? {} : { error: JSON.parse(at("error")) as PlainError }),
    };
  });
}
