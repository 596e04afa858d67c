import { MillraceError } from "@millrace/core";
import { joinedFloats, stackedBlocks } from "./blocks.js";
import type { LazyIntegers, LazyTensor } from "./checkpoint.js";

/** [rows, columns] → [columns, rows]. */
export function transposed(tensor: LazyTensor): LazyTensor {
  const [rows = 1, columns = 1] = tensor.shape;
  const load = async () => transpose(await tensor.load(), rows, columns);
  return { shape: [columns, rows], load };
}

/** Tensors one after another along their first axis; the other axes are equal. Blocks remain where all are coded alike. */
export function concatenated(tensors: readonly LazyTensor[]): LazyTensor {
  const rows = tensors.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const load = async () => {
    const parts: Float32Array[] = [];
    for (const tensor of tensors) parts.push(await tensor.load());
    return joinedFloats(parts);
  };
  const blocks = stackedBlocks(tensors.map((tensor) => tensor.blocks));
  return { shape: [rows, ...(tensors[0]?.shape.slice(1) ?? [])], load, blocks };
}

/** Adds the first row of `addend` [any, columns] to every row of `table` [rows, columns]. */
export function plusFirstRow(table: LazyTensor, addend: LazyTensor): LazyTensor {
  const columns = table.shape.at(-1) ?? 1;
  const load = async () => {
    const row = (await addend.load()).subarray(0, columns);
    return (await table.load()).map((value, index) => value + (row[index % columns] as number));
  };
  return { shape: table.shape, load };
}

/** Rows of a table from `first` to before `end`, or to its last. */
export function rowsFrom(table: LazyTensor, first: number, end = table.shape[0] ?? 0): LazyTensor {
  const rest = table.shape.slice(1);
  const width = rest.reduce((product, size) => product * size, 1);
  const load = async () => (await table.load()).subarray(first * width, end * width);
  return { shape: [end - first, ...rest], load };
}

/** The rows of a table [rows, columns] that `index` names, in its order. @throws E_MODEL_INVALID when it names none */
export function rowsAt(table: LazyTensor, index: LazyIntegers): LazyTensor {
  const [rows = 0, columns = 1] = table.shape;
  const load = async () => {
    const [values, places] = [await table.load(), await index.load()];
    const chosen = new Float32Array(places.length * columns);
    for (const [at, row] of places.entries()) {
      if (row < 0 || row >= rows) throw noSuchRow(row, rows);
      chosen.set(values.subarray(row * columns, (row + 1) * columns), at * columns);
    }
    return chosen;
  };
  return { shape: [index.shape[0] ?? 0, columns], load };
}

function noSuchRow(row: number, rows: number): MillraceError {
  const why = `a token is mapped to row ${row} of ${rows}`;
  return new MillraceError("E_MODEL_INVALID", "the weights do not fit together", { why });
}

/** Each row of a table [rows, columns] times its own scale. */
export function scaledRows(table: LazyTensor, scales: LazyTensor): LazyTensor {
  const columns = table.shape[1] ?? 1;
  const load = async () => {
    const factors = await scales.load();
    return (await table.load()).map((value, at) => value * (factors[Math.floor(at / columns)] as number));
  };
  return { shape: table.shape, load };
}

/** Each element on its own, in float32. */
export function mapped(tensor: LazyTensor, change: (value: number) => number): LazyTensor {
  return { shape: tensor.shape, load: async () => (await tensor.load()).map(change) };
}

/** Square tiles keep both the rows read and the rows written in the cache. */
const tile = 32;

function transpose(source: Float32Array, rows: number, columns: number): Float32Array {
  const target = new Float32Array(source.length);
  for (let top = 0; top < rows; top += tile) {
    for (let left = 0; left < columns; left += tile) {
      const right = Math.min(left + tile, columns);
      for (let row = top; row < Math.min(top + tile, rows); row += 1) {
        for (let column = left; column < right; column += 1)
          target[column * rows + row] = source[row * columns + column] as number;
      }
    }
  }
  return target;
}
