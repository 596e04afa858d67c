import {
  type Data,
  Field,
  FixedSizeList,
  Float32,
  Int32,
  List,
  makeData,
  makeVector,
  Utf8,
  type Vector,
} from "apache-arrow";

/** Strings → Utf8 column; one pass and one buffer, where Arrow's own builder copies each string several times. */
export function utf8Column(strings: readonly string[]): Vector<Utf8> {
  // UTF-8 has no half of a surrogate pair; two halves of different strings would become one character when joined.
  const values = strings.map((value) => value.toWellFormed());
  const data = Buffer.from(values.join(""), "utf8");
  const valueOffsets = new Int32Array(values.length + 1);
  values.forEach((value, row) => {
    valueOffsets[row + 1] = (valueOffsets[row] as number) + Buffer.byteLength(value, "utf8");
  });
  return makeVector(makeData({ type: new Utf8(), length: values.length, nullCount: 0, valueOffsets, data }));
}

/** Numbers → Int32 column. */
export function int32Column(values: ArrayLike<number>): Vector<Int32> {
  return makeVector(int32Data(Int32Array.from(values)));
}

/** Lists of token ids → List<Int32> column. */
export function int32ListColumn(lists: readonly Int32Array[]): Vector<List<Int32>> {
  const valueOffsets = new Int32Array(lists.length + 1);
  lists.forEach((list, row) => {
    valueOffsets[row + 1] = (valueOffsets[row] as number) + list.length;
  });
  const values = new Int32Array(valueOffsets[lists.length] as number);
  for (const [row, list] of lists.entries()) values.set(list, valueOffsets[row]);
  const type = new List(new Field("item", new Int32(), false));
  return makeVector(makeData({ type, length: lists.length, nullCount: 0, valueOffsets, child: int32Data(values) }));
}

/** The rows of a List<Int32> column as views into its one buffer. */
export function int32Lists(column: Vector<List<Int32>>): readonly Int32Array[] {
  return column.data.flatMap((data) => {
    const values = (data.children[0] as Data<Int32>).values;
    return Array.from({ length: data.length }, (_, row) =>
      values.subarray(data.valueOffsets[row] as number, data.valueOffsets[row + 1] as number),
    );
  });
}

/** `rows × dimensions` floats → FixedSizeList<Float32> column, without a copy. */
export function vectorColumn(vectors: Float32Array, dimensions: number): Vector<FixedSizeList<Float32>> {
  const type = new FixedSizeList(dimensions, new Field("item", new Float32(), false));
  const child = makeData({ type: new Float32(), length: vectors.length, nullCount: 0, data: vectors });
  return makeVector(makeData({ type, length: vectors.length / dimensions, nullCount: 0, child }));
}

/** The floats of a FixedSizeList<Float32> column, `rows × dimensions`; a view where the column is in one piece. */
export function vectorValues(column: Vector<FixedSizeList<Float32>>): Float32Array {
  const pieces = column.data.map((data) =>
    (data.children[0] as Data<Float32>).values.subarray(0, data.length * data.type.listSize),
  );
  const first = pieces[0];
  if (pieces.length === 1 && first !== undefined) return first;
  const all = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    all.set(piece, offset);
    offset += piece.length;
  }
  return all;
}

function int32Data(values: Int32Array): Data<Int32> {
  return makeData({ type: new Int32(), length: values.length, nullCount: 0, data: values });
}
