import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CompiledModel, type CompileOptions, compileModel } from "@millrace/compiler";
import { type Chunk, type Document, MillraceError } from "@millrace/core";
import { createChunker, loadTokenizer } from "@millrace/workers";
import type { InferenceSession } from "onnxruntime-node";
import { encodeRows, openGraph } from "./support.ts";

const root = join(import.meta.dirname, "../golden/tiny-models");

/** Names of the models that tests/golden/make_tiny_models.py wrote. */
export const tinyModelNames: readonly string[] = readdirSync(root).filter((name) => !name.endsWith(".json"));

export function tinyModelPath(name: string): string {
  return join(root, name);
}

export const texts: readonly string[] = JSON.parse(readFileSync(join(root, "texts.json"), "utf8"));

/** Vectors of `texts` by sentence-transformers. */
export interface TinyGolden {
  readonly vectors: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
  readonly documents: readonly Float32Array[];
}

export function readTinyGolden(name: string): TinyGolden {
  const { dimensions, ...columns } = JSON.parse(readFileSync(join(root, name, "golden.json"), "utf8"));
  const rows = (base64: string = columns.vectors) => {
    const floats = new Float32Array(Uint8Array.from(Buffer.from(base64, "base64")).buffer);
    return texts.map((_, row) => floats.subarray(row * dimensions, (row + 1) * dimensions));
  };
  return { vectors: rows(), queries: rows(columns.queries), documents: rows(columns.documents) };
}

export interface OpenTiny {
  readonly model: CompiledModel;
  readonly session: InferenceSession;
  /** Token ids of texts, each cut at the model's longest row, with a prompt before it. */
  tokenize(texts: readonly string[], prompt?: string): Promise<readonly Int32Array[]>;
}

export async function openTiny(
  directory: string,
  options: Omit<CompileOptions, "precision"> & Partial<Pick<CompileOptions, "precision">>,
): Promise<OpenTiny> {
  const model = await compileModel(directory, { precision: "fp32", ...options });
  const session = await openGraph(model.graphPath);
  return { model, session, tokenize: (given, prompt) => tokenizeFor(model, given, prompt) };
}

/** Token ids of texts, each cut at the model's longest row, with a prompt before it. */
export async function tokenizeFor(
  { tokenizerPath, hasSpecialTokens, maxTokens }: CompiledModel,
  given: readonly string[],
  prompt = "",
): Promise<readonly Int32Array[]> {
  const tokenizer = await loadTokenizer(tokenizerPath, { prompt, hasSpecialTokens });
  const chunker = createChunker(tokenizer, { strategy: "truncate", maxTokens, overlap: 0 });
  return (await chunker.chunk(given.map(toDocument))).map(idsOf);
}

function toDocument(text: string, index: number): Document {
  return { key: String(index), text, payload: {}, blocks: [] };
}

function idsOf(chunks: readonly Chunk[] | MillraceError): Int32Array {
  if (chunks instanceof MillraceError) throw chunks;
  return (chunks[0] as Chunk).tokenIds;
}

/** Encodes rows in the batches given: each a list of rows that are equally long. */
export async function encodeInBatches(
  session: InferenceSession,
  rows: readonly Int32Array[],
  batches: readonly (readonly number[])[],
): Promise<readonly Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (const batch of batches) {
    const encoded = await encodeRows(
      session,
      batch.map((row) => rows[row] as Int32Array),
    );
    for (const [place, row] of batch.entries()) vectors[row] = encoded[place] as Float32Array;
  }
  return vectors;
}
