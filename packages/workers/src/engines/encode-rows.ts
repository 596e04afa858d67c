import { type Encoder, MillraceError, planTokenBatches, type TokenBatch, type TokenBatchPlan } from "@millrace/core";

/** Vectors of some rows, and which rows the engine could not encode even alone. */
export interface EncodedRows {
  /** `rows × dimensions`; zeros where a row failed. */
  readonly vectors: Float32Array;
  readonly failed: ReadonlyMap<number, MillraceError>;
}

export interface EncodeRowsOptions {
  /** Called after each engine run. */
  readonly onRun?: (plan: TokenBatchPlan) => void;
  /** Takes back the runs that no host has begun. */
  readonly signal?: AbortSignal;
}

/**
 * Encodes rows of any length in token batches of equal length. A run whose hosts die is halved until the row at fault
 * stands alone; that row fails, the others do not.
 */
export async function encodeRows(
  encoder: Encoder,
  rows: readonly Int32Array[],
  { onRun, signal }: EncodeRowsOptions = {},
): Promise<EncodedRows> {
  const vectors = new Float32Array(rows.length * encoder.dimensions);
  const failed = new Map<number, MillraceError>();
  const run = async (plan: TokenBatchPlan): Promise<void> => {
    try {
      scatter(await encoder.encode(gather(rows, plan), signal), plan, vectors);
      onRun?.(plan);
    } catch (error) {
      if (!isFaultOfBatch(error)) throw error;
      const [only, ...others] = plan.rows;
      if (only !== undefined && others.length === 0) failed.set(only, poisonous(error));
      else await Promise.all(halves(plan).map(run));
    }
  };
  const lengths = rows.map((row) => row.length);
  await Promise.all(planTokenBatches(lengths, encoder.tokenBudget).map(run));
  return { vectors, failed };
}

function gather(rows: readonly Int32Array[], { length, rows: chosen }: TokenBatchPlan): TokenBatch {
  const ids = new Int32Array(chosen.length * length);
  for (const [position, row] of chosen.entries()) ids.set(rows[row] as Int32Array, position * length);
  return { rows: chosen.length, length, ids };
}

function scatter(results: Float32Array, { rows }: TokenBatchPlan, vectors: Float32Array): void {
  const dimensions = results.length / rows.length;
  for (const [position, row] of rows.entries()) {
    vectors.set(results.subarray(position * dimensions, (position + 1) * dimensions), row * dimensions);
  }
}

function halves({ length, rows }: TokenBatchPlan): readonly TokenBatchPlan[] {
  const middle = Math.ceil(rows.length / 2);
  return [
    { length, rows: rows.slice(0, middle) },
    { length, rows: rows.slice(middle) },
  ];
}

/** E_HOST is the encoder's end: halving would only blame every row for it. */
function isFaultOfBatch(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.code === "E_ROW_ENCODE";
}

function poisonous(cause: MillraceError): MillraceError {
  return new MillraceError("E_ROW_ENCODE", "the engine fails on this chunk", {
    why: cause.why ?? cause.what,
    fix: "Look at the chunk's text; report it with the model's name.",
    cause,
  });
}
