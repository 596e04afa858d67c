import type { DecodingOptions, Payload } from "@millrace/core";
import { type Int32, type List, Table, tableFromIPC, tableToIPC, type Vector } from "apache-arrow";
import type { PlainError } from "../hosts/messages.js";
import { int32Column, int32ListColumn, int32Lists, utf8Column } from "./columns.js";

/** One row on its way to the generator: a prompt with its token ids, or why there is none. */
export interface PromptRow {
  /** Row within its object, from 0. */
  readonly row: number;
  /** Its object's key. */
  readonly path: string;
  readonly id: string;
  /** Or, as JSON, the texts that vectors are to be made of, or that a model with a head is to judge. */
  readonly prompt: string;
  readonly tokenIds: Int32Array;
  readonly payload: Payload;
  /** What this row asks for otherwise than the job. */
  readonly wishes?: RowWishes;
  readonly error?: PlainError;
}

/** What one request of a batch file says for itself. */
export interface RowWishes {
  readonly endpoint: string;
  readonly decoding: Partial<DecodingOptions>;
  readonly sequences: number;
  /** Vectors are wanted as the base64 of their bytes. */
  readonly isBase64?: boolean;
}

/** Rows → an Arrow file; payload and error are JSON, so that any Arrow reader can show them. */
export function encodePromptFile(rows: readonly PromptRow[]): Uint8Array {
  const table = new Table({
    row: int32Column(rows.map(({ row }) => row)),
    path: utf8Column(rows.map(({ path }) => path)),
    id: utf8Column(rows.map(({ id }) => id)),
    prompt: utf8Column(rows.map(({ prompt }) => prompt)),
    payload: utf8Column(rows.map(({ payload }) => JSON.stringify(payload))),
    wishes: utf8Column(rows.map(({ wishes }) => (wishes === undefined ? "" : JSON.stringify(wishes)))),
    error: utf8Column(rows.map(({ error }) => (error === undefined ? "" : JSON.stringify(error)))),
    token_ids: int32ListColumn(rows.map(({ tokenIds }) => tokenIds)),
  });
  return tableToIPC(table, "file");
}

/** The rows of such a file. */
export function openPromptFile(bytes: Uint8Array): readonly PromptRow[] {
  const table = tableFromIPC(bytes);
  const column = (name: string) => [...(table.getChild(name) as Iterable<string>)];
  const [paths, ids, prompts, payloads, wishes, errors] = ["path", "id", "prompt", "payload", "wishes", "error"].map(
    column,
  ) as [string[], string[], string[], string[], string[], string[]];
  const tokenIds = int32Lists(table.getChild("token_ids") as Vector<List<Int32>>);
  return [...(table.getChild("row") as Iterable<number>)].map((row, index) => ({
    row,
    path: paths[index] as string,
    id: ids[index] as string,
    prompt: prompts[index] as string,
    tokenIds: tokenIds[index] as Int32Array,
    payload: JSON.parse(payloads[index] as string) as Payload,
    ...(wishes[index] === "" ? {} : { wishes: JSON.parse(wishes[index] as string) as RowWishes }),
    ...(errors[index] === "" ? {} : { error: JSON.parse(errors[index] as string) as PlainError }),
  }));
}
