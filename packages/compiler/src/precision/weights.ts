/** A weight in 8 bits: real[row, column] = values[row, column] · scales[column]. */
export interface QuantizedWeight {
  /** [rows, columns] */
  readonly values: Int8Array;
  /** One per column. */
  readonly scales: Float32Array;
}

/** float32 [rows, columns], row by row. */
export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

const largest = 127;
/** 255 · 128 = 32,640 still fits into 16 bits. */
const largestPair = 128;

/**
 * Quantises a weight symmetrically, with a scale for each column, to at most ±127 for one value and ±128 for the sum of
 * two neighbours in rows 2i and 2i + 1. Processors without VNNI multiply by VPMADDUBSW, which adds the products of two
 * neighbours in 16 bits and saturates in silence; under this limit no uint8 activation makes it do so, and every
 * processor computes the same integers. It costs a fraction of a bit where 7-bit weights would cost a whole one.
 */
export function quantizeWeight({ values, rows, columns }: Matrix): QuantizedWeight {
  const quantized = { values: new Int8Array(rows * columns), scales: new Float32Array(columns) };
  const column = new Float64Array(rows);
  const rounded = new Int8Array(rows);
  for (let index = 0; index < columns; index += 1) {
    for (let row = 0; row < rows; row += 1) column[row] = values[row * columns + index] as number;
    quantized.scales[index] = quantizeColumn(column, rounded);
    for (let row = 0; row < rows; row += 1) quantized.values[row * columns + index] = rounded[row] as number;
  }
  return quantized;
}

/** @returns the scale; `column` comes back divided by it */
function quantizeColumn(column: Float64Array, rounded: Int8Array): number {
  const scale = columnScale(column);
  for (let row = 0; row < column.length; row += 1) {
    column[row] = (column[row] as number) / scale;
    rounded[row] = Math.max(-largest, Math.min(largest, Math.round(column[row] as number)));
  }
  for (let row = 0; row + 1 < column.length; row += 2) limitPair(column, rounded, row);
  return scale;
}

function columnScale(column: Float64Array): number {
  let single = 0;
  let pair = 0;
  for (let row = 0; row < column.length; row += 1) {
    const value = column[row] as number;
    single = Math.max(single, Math.abs(value));
    if (row % 2 === 1) pair = Math.max(pair, Math.abs(value + (column[row - 1] as number)));
  }
  return Math.fround(Math.max(single / largest, pair / largestPair)) || 1;
}

/** Rounding may lift a pair just over the limit: then the value that was rounded furthest is rounded the other way. */
function limitPair(exact: Float64Array, rounded: Int8Array, row: number): void {
  const first = rounded[row] as number;
  const second = rounded[row + 1] as number;
  const step = -Math.sign(first + second);
  const excess = Math.abs(first + second) - largestPair;
  if (excess <= 0) return;
  const firstOff = Math.abs(first + step * excess - (exact[row] as number));
  const secondOff = Math.abs(second + step * excess - (exact[row + 1] as number));
  if (firstOff <= secondOff) rounded[row] = first + step * excess;
  else rounded[row + 1] = second + step * excess;
}
