import { type CompiledModel, compileModel } from "@millrace/compiler";
import type { TokenBatch } from "@millrace/core";
import { openGraph, tinyModel } from "../compiler/support.ts";
import { randomNumbers } from "./corpus.ts";

/** Compiles the committed tiny model into a folder. */
export function compileTiny(cacheDirectory: string): Promise<CompiledModel> {
  return compileModel(tinyModel("mean-normalized"), { precision: "fp32", cacheDirectory });
}

/** Rows of random ids and random lengths, the same for each seed. */
export function randomRows(model: CompiledModel, count: number, seed: number): readonly Int32Array[] {
  const random = randomNumbers(seed);
  return Array.from({ length: count }, () =>
    Int32Array.from({ length: 1 + Math.floor(random() ** 2 * Math.min(40, model.maxTokens - 1)) }, () =>
      Math.floor(random() * model.vocabularySize),
    ),
  );
}

/** Rows of equal length as one token batch. */
export function batchOf(rows: readonly Int32Array[]): TokenBatch {
  const length = rows[0]?.length ?? 0;
  const ids = new Int32Array(rows.length * length);
  for (const [index, row] of rows.entries()) ids.set(row, index * length);
  return { rows: rows.length, length, ids };
}

/** Encodes in this process, in one session: what a pool must agree with to the bit. */
export async function directly(model: CompiledModel, batches: readonly TokenBatch[]): Promise<readonly Float32Array[]> {
  const session = await openGraph(model.graphPath);
  const { Tensor } = await import("onnxruntime-node");
  const results: Float32Array[] = [];
  for (const { ids, rows, length } of batches) {
    const { vectors } = await session.run({ ids: new Tensor("int32", ids, [rows, length]) });
    results.push(Float32Array.from(vectors?.data as Float32Array));
  }
  await session.release();
  return results;
}
