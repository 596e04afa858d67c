/** Sweeps that any symmetric matrix of a few dozen rows settles in. */
const mostSweeps = 30;
/** Share of the matrix's largest entry that counts as nothing. */
const negligible = 1e-12;

/**
 * Eigenvectors of a symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5).
 * @param matrix `size × size`, row after row; it is overwritten
 * @returns the eigenvectors as rows, that of the largest eigenvalue first
 */
export function eigenvectors(matrix: Float64Array, size: number): readonly Float64Array[] {
  const vectors = identity(size);
  const limit = negligible * matrix.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
  for (let sweep = 0, isSettled = false; sweep < mostSweeps && !isSettled; sweep += 1) {
    isSettled = true;
    for (let row = 0; row < size; row += 1)
      for (let column = row + 1; column < size; column += 1) {
        if (Math.abs(at(matrix, row * size + column)) <= limit) continue;
        rotate({ matrix, vectors, size }, row, column);
        isSettled = false;
      }
  }
  const order = Array.from({ length: size }, (_, index) => index);
  order.sort((a, b) => at(matrix, b * size + b) - at(matrix, a * size + a) || a - b);
  return order.map((index) => vectors.slice(index * size, (index + 1) * size));
}

interface Rotated {
  readonly matrix: Float64Array;
  /** Eigenvectors as rows. */
  readonly vectors: Float64Array;
  readonly size: number;
}

/** Turns two axes so that the entry between them vanishes. */
function rotate({ matrix, vectors, size }: Rotated, p: number, q: number): void {
  const slope = (at(matrix, q * size + q) - at(matrix, p * size + p)) / (2 * at(matrix, p * size + q));
  const tangent = (slope < 0 ? -1 : 1) / (Math.abs(slope) + Math.hypot(slope, 1));
  const cosine = 1 / Math.hypot(tangent, 1);
  const sine = tangent * cosine;
  for (let k = 0; k < size; k += 1) turn(matrix, [k * size + p, k * size + q], [cosine, sine]);
  for (let k = 0; k < size; k += 1) turn(matrix, [p * size + k, q * size + k], [cosine, sine]);
  for (let k = 0; k < size; k += 1) turn(vectors, [p * size + k, q * size + k], [cosine, sine]);
}

type Two = readonly [number, number];

function turn(values: Float64Array, [i, j]: Two, [cosine, sine]: Two): void {
  const first = at(values, i);
  const second = at(values, j);
  values[i] = cosine * first - sine * second;
  values[j] = sine * first + cosine * second;
}

function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let index = 0; index < size; index += 1) matrix[index * size + index] = 1;
  return matrix;
}

function at(values: Float64Array, index: number): number {
  return values[index] as number;
}
