import { type Encoder, MillraceError, planTokenBatches, type TokenBatch, type TokenBatchPlan } from "@millrace/core";

/** A row as an engine takes it. */
export interface TokenRow {
  readonly ids: Int32Array;
  /** As `TokenBatch` has them. */
  readonly segments?: Int32Array;
}

export interface RunRowsOptions {
  /** Handed what the engine makes of each row, in no order; the array is part of a larger one. */
  readonly onRow: (row: number, result: Float32Array) => void;
  /** Called after each engine run. */
  readonly onRun?: ((plan: TokenBatchPlan) => void) | undefined;
  /** Takes back the runs that no host has begun. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs rows of any length in token batches of equal length. A run whose hosts die is halved until the row at fault
 * stands alone; that row fails, the others do not.
 * @returns which rows the engine could not run even alone
 */
export async function runRows(
  encoder: Encoder,
  rows: readonly TokenRow[],
  { onRow, onRun, signal }: RunRowsOptions,
): Promise<ReadonlyMap<number, MillraceError>> {
  const failed = new Map<number, MillraceError>();
  const run = async (plan: TokenBatchPlan): Promise<void> => {
    try {
      const results = await encoder.encode(gather(rows, plan), signal);
      const size = results.length / plan.rows.length;
      for (const [place, row] of plan.rows.entries()) onRow(row, results.subarray(place * size, (place + 1) * size));
      onRun?.(plan);
    } catch (error) {
      if (!isFaultOfBatch(error)) throw error;
      const [only, ...others] = plan.rows;
      if (only !== undefined && others.length === 0) failed.set(only, poisonous(error));
      else await Promise.all(halves(plan).map(run));
    }
  };
  const lengths = rows.map(({ ids }) => ids.length);
  await Promise.all(planTokenBatches(lengths, encoder.tokenBudget).map(run));
  return failed;
}

function gather(rows: readonly TokenRow[], { length, rows: chosen }: TokenBatchPlan): TokenBatch {
  const joined = (field: "ids" | "segments") => {
    const values = new Int32Array(chosen.length * length);
    for (const [place, row] of chosen.entries()) values.set(rows[row]?.[field] ?? [], place * length);
    return values;
  };
  const hasSegments = chosen.some((row) => rows[row]?.segments !== undefined);
  return { rows: chosen.length, length, ids: joined("ids"), ...(hasSegments && { segments: joined("segments") }) };
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
