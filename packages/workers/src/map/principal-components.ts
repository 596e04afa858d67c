import { eigenvectors } from "./eigenvectors.js";
import { seededRandom } from "./random.js";

/** Vectors of equal length, row after row. */
export interface Rows {
  readonly values: Float32Array;
  readonly width: number;
}

/** Rows that the components are found from; more would not turn them by much. */
const mostSampled = 8_192;
/** Directions that are followed beside those that are wanted, and how often the range is refined. */
const oversampling = 8;
const powerIterations = 3;

/**
 * The rows' coordinates along the directions in which they differ most: principal components by a randomised range finder
 * with subspace iteration (Halko, Martinsson and Tropp, "Finding Structure with Randomness", 2011, algorithms 4.4 and 5.1),
 * on an even sample of the rows. The same rows give the same coordinates, bit for bit.
 * @returns rows of `count` floats, fewer where the vectors are shorter
 */
export function principalCoordinates(rows: Rows, count: number): Rows {
  const wanted = Math.min(count, rows.width);
  const mean = meanOf(rows);
  const sampled = centredSample(rows, mean);
  const directions = Math.min(wanted + oversampling, rows.width);
  const random = seededRandom(directions);
  let basis: Float64Array[] = Array.from({ length: directions }, () =>
    Float64Array.from({ length: rows.width }, () => random() - 0.5),
  );
  for (let iteration = 0; iteration < powerIterations; iteration += 1)
    basis = orthonormal(spread(sampled, orthonormal(basis)));
  const components = turned(sampled, basis).slice(0, wanted).map(withFixedSign);
  return coordinates(rows, mean, components);
}

function meanOf({ values, width }: Rows): Float64Array {
  const mean = new Float64Array(width);
  const count = Math.max(1, values.length / width);
  for (let index = 0; index < values.length; index += width)
    for (let column = 0; column < width; column += 1)
      mean[column] = (mean[column] as number) + (values[index + column] as number) / count;
  return mean;
}

function centredSample({ values, width }: Rows, mean: Float64Array): Rows {
  const count = values.length / width;
  const taken = Math.min(count, mostSampled);
  const sample = new Float32Array(taken * width);
  for (let row = 0; row < taken; row += 1) {
    const from = Math.floor((row * count) / taken) * width;
    for (let column = 0; column < width; column += 1)
      sample[row * width + column] = (values[from + column] as number) - (mean[column] as number);
  }
  return { values: sample, width };
}

/** Each direction w becomes AᵀAw: what A stretches most comes to the fore. */
function spread({ values, width }: Rows, basis: readonly Float64Array[]): Float64Array[] {
  return basis.map((direction) => {
    const sum = new Float64Array(width);
    for (let from = 0; from < values.length; from += width) {
      const share = product(values, from, direction);
      for (let column = 0; column < width; column += 1)
        sum[column] = (sum[column] as number) + share * (values[from + column] as number);
    }
    return sum;
  });
}

/** Modified Gram-Schmidt. Directions that depend on others become nothing. */
function orthonormal(basis: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const direction of basis) {
    const rest = direction.slice();
    const before = Math.sqrt(product(rest, 0, rest));
    for (const other of done) {
      const share = product(rest, 0, other);
      for (let column = 0; column < rest.length; column += 1)
        rest[column] = (rest[column] as number) - share * (other[column] as number);
    }
    const length = Math.sqrt(product(rest, 0, rest));
    done.push(length > 1e-9 * before ? rest.map((value) => value / length) : rest.fill(0));
  }
  return done;
}

/** The basis turned so that its directions are principal, the strongest first. */
function turned({ values, width }: Rows, basis: readonly Float64Array[]): Float64Array[] {
  const size = basis.length;
  const gram = new Float64Array(size * size);
  const shares = new Float64Array(size);
  for (let from = 0; from < values.length; from += width) {
    for (let index = 0; index < size; index += 1) shares[index] = product(values, from, basis[index] as Float64Array);
    for (let row = 0; row < size; row += 1)
      for (let column = 0; column < size; column += 1)
        gram[row * size + column] =
          (gram[row * size + column] as number) + (shares[row] as number) * (shares[column] as number);
  }
  return eigenvectors(gram, size).map((weights) => {
    const component = new Float64Array(width);
    for (const [index, direction] of basis.entries())
      for (let column = 0; column < width; column += 1)
        component[column] = (component[column] as number) + (weights[index] as number) * (direction[column] as number);
    return component;
  });
}

/** A component and its opposite mean the same; the one whose largest entry is positive is taken. */
function withFixedSign(component: Float64Array): Float64Array {
  const largest = component.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? component.map((value) => -value) : component;
}

function coordinates({ values, width }: Rows, mean: Float64Array, components: readonly Float64Array[]): Rows {
  const offsets = components.map((component) => product(mean, 0, component));
  const count = components.length;
  const result = new Float32Array((values.length / width) * count);
  for (let from = 0, to = 0; from < values.length; from += width, to += count)
    for (let index = 0; index < count; index += 1)
      result[to + index] = product(values, from, components[index] as Float64Array) - (offsets[index] as number);
  return { values: result, width: count };
}

function product(values: Float32Array | Float64Array, from: number, direction: Float64Array): number {
  let sum = 0;
  for (let column = 0; column < direction.length; column += 1)
    sum += (values[from + column] as number) * (direction[column] as number);
  return sum;
}
