import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CompiledModel } from "@millrace/compiler";
import { cosineSimilarity, type Encoder, MillraceError, type Precision, type TokenBatch } from "@millrace/core";
import { writeAtomically } from "../blobs/atomic-file.js";
import { hasCode } from "../blobs/file-errors.js";

interface Golden {
  readonly length: number;
  /** Base64 of the vectors' float32 bytes. */
  readonly vectors: string;
}

/** Cosine below which a machine, a kernel or a file has changed what the model says; a GPU rounds elsewhere than a CPU. */
const leastCosine: Readonly<Record<Precision, number>> = { fp32: 0.9999, int8: 0.9999, fp16: 0.999 };

/**
 * Holds the engine against the vectors it gave when the graph was first used on this machine or shipped with it, so
 * that silent damage — a kernel that computes wrongly, another runtime — is seen before a store is filled.
 * @throws E_MODEL_GOLDEN
 */
export async function checkGolden(encoder: Encoder, model: CompiledModel): Promise<void> {
  const path = join(dirname(model.graphPath), "golden.json");
  const batches = goldenBatches(model);
  const actual = await Promise.all(batches.map((batch) => encoder.encode(batch)));
  const expected = await readGolden(path);
  if (expected === undefined) {
    const golden = actual.map(
      (vectors, index): Golden => ({
        length: (batches[index] as TokenBatch).length,
        vectors: Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength).toString("base64"),
      }),
    );
    return record(path, golden);
  }
  const worst = Math.min(...actual.map((vectors, index) => similarity(vectors, floats(expected[index]))));
  if (worst >= leastCosine[model.precision]) return;
  throw new MillraceError("E_MODEL_GOLDEN", `the model ${model.architecture} no longer gives its own vectors`, {
    why: `cosine ${worst.toFixed(5)} to those recorded in ${path}`,
    fix: "Delete that folder to compile again; if it comes back, the machine or the runtime computes wrongly.",
  });
}

/** Ids that need no tokenizer: a short and a long row, spread over the vocabulary. */
function goldenBatches({ vocabularySize, maxTokens }: CompiledModel): readonly TokenBatch[] {
  return [Math.min(8, maxTokens), Math.min(64, maxTokens)].map((length) => ({
    rows: 1,
    length,
    ids: Int32Array.from({ length }, (_, position) => (position * 7919 + 101) % vocabularySize),
  }));
}

/** A cache that this user cannot write to has its goldens from whoever filled it, or does without. */
async function record(path: string, golden: readonly Golden[]): Promise<void> {
  try {
    await writeAtomically({ path, write: (file) => file.writeFile(JSON.stringify(golden)), onlyIfAbsent: true });
  } catch (error) {
    if (!hasCode(error, "EACCES", "EPERM", "EROFS")) throw error;
  }
}

/** What was recorded, undefined where nothing was; a damaged record holds no vectors, which no model gives. */
async function readGolden(path: string): Promise<readonly Golden[] | undefined> {
  try {
    const golden: unknown = JSON.parse(await readFile(path, "utf8"));
    return Array.isArray(golden) ? (golden as Golden[]) : [];
  } catch (error) {
    return hasCode(error, "ENOENT") ? undefined : [];
  }
}

function floats(golden: Golden | undefined): Float32Array {
  const bytes = Buffer.from(String(golden?.vectors ?? ""), "base64");
  return new Float32Array(Uint8Array.from(bytes.subarray(0, bytes.length & ~3)).buffer);
}

/** Another length, or no direction at all, counts as no similarity. */
function similarity(left: Float32Array, right: Float32Array): number {
  const cosine = left.length === right.length ? cosineSimilarity(left, right) : Number.NaN;
  return Number.isNaN(cosine) ? -1 : cosine;
}
