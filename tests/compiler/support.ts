import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WeightsPlace } from "@millrace/compiler";
import { MillraceError } from "@millrace/core";
import { InferenceSession, Tensor } from "onnxruntime-node";

const goldenDirectory = join(import.meta.dirname, "../golden");
export const tinyModels = readdirSync(join(goldenDirectory, "tiny-bert"));

/** Directory of one of `tinyModels`, or of another model that tests/golden/make_tiny_models.py wrote. */
export function tinyModel(name: string): string {
  return join(goldenDirectory, tinyModels.includes(name) ? "tiny-bert" : "tiny-models", name);
}

/** Runs `use` with a new empty folder and removes it. */
export async function withFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-compiler-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs `use` with a copy of a tiny model to damage, and a cache folder. */
export function withCopy<Result>(
  name: string,
  use: (model: string, cacheDirectory: string) => Promise<Result>,
): Promise<Result> {
  return withFolder(async (folder) => {
    await cp(tinyModel(name), join(folder, "model"), { recursive: true });
    return use(join(folder, "model"), join(folder, "cache"));
  });
}

export interface Golden {
  readonly texts: readonly string[];
  readonly ids: readonly Int32Array[];
  readonly vectors: readonly Float32Array[];
}

/** Reads what a script in tests/golden wrote. */
export function readGolden(path: string): Golden {
  const { rows, dimensions, vectors } = JSON.parse(readFileSync(path, "utf8"));
  const bytes = Uint8Array.from(Buffer.from(vectors, "base64"));
  const floats = new Float32Array(bytes.buffer);
  const toIds = (row: string | { ids: string }) =>
    Int32Array.from((typeof row === "string" ? row : row.ids).split(" "), Number);
  return {
    texts: rows.map((row: string | { text: string }) => (typeof row === "string" ? "" : row.text)),
    ids: rows.map(toIds),
    vectors: rows.map((_: unknown, row: number) => floats.subarray(row * dimensions, (row + 1) * dimensions)),
  };
}

export const minilmGolden = join(goldenDirectory, "minilm-64.json");

/** Loads a graph as an encoder host does, with the files of weights beside it. */
export function openGraph(path: string, weights: readonly WeightsPlace[] = []): Promise<InferenceSession> {
  return InferenceSession.create(readFileSync(path), {
    externalData: weights.map((file) => ({ path: file.name, data: readFileSync(file.path) })),
    graphOptimizationLevel: "basic",
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
}

/** Encodes rows of equal length in one run. */
export async function encodeRows(
  session: InferenceSession,
  rows: readonly Int32Array[],
): Promise<readonly Float32Array[]> {
  const length = rows[0]?.length ?? 0;
  const ids = new Int32Array(rows.length * length);
  rows.forEach((row, index) => {
    ids.set(row, index * length);
  });
  const { vectors } = await session.run({ ids: new Tensor("int32", ids, [rows.length, length]) });
  const data = vectors?.data as Float32Array;
  const dimensions = data.length / rows.length;
  return rows.map((_, row) => data.slice(row * dimensions, (row + 1) * dimensions));
}

export function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, index) => sum + value * (y[index] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Largest absolute difference of two vectors. */
export function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? Number.NaN))), 0);
}

/** Largest absolute value. */
export function scale(vector: Float32Array): number {
  return distance(vector, new Float32Array(vector.length));
}

/** The MillraceError a call fails with; anything else it does is thrown on. */
export async function failureOf(call: () => Promise<unknown>): Promise<MillraceError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("the call did not fail");
}
