import type { Rows } from "./principal-components.js";
import { seededRandom } from "./random.js";

/** Rows grouped by nearness. */
export interface Clusters {
  /** Of each row, the number of its cluster; cluster 0 is the largest. */
  readonly labels: Uint16Array;
  /** Centres, row after row, in the order of their numbers. */
  readonly centres: Float64Array;
  readonly sizes: readonly number[];
}

const mostIterations = 24;

/**
 * Lloyd's k-means from centres that k-means++ draws (Arthur and Vassilvitskii, 2007). The same rows give the same clusters;
 * there may be fewer than `count`, since none is empty.
 */
export function clusterRows(rows: Rows, count: number): Clusters {
  const { values, width } = rows;
  const length = values.length / width;
  let centres = drawCentres(rows, Math.min(count, length));
  const labels = new Uint16Array(length);
  for (let iteration = 0; iteration < mostIterations; iteration += 1) {
    const changed = assign(rows, centres, labels);
    centres = means(rows, labels, centres);
    if (changed * 1000 < length) break;
  }
  return largestFirst(labels, centres, width);
}

function drawCentres({ values, width }: Rows, count: number): Float64Array {
  const length = values.length / width;
  const random = seededRandom(count);
  const centres = new Float64Array(count * width);
  const distances = new Float64Array(length).fill(1);
  for (let drawn = 0; drawn < count; drawn += 1) {
    let rest = random() * distances.reduce((sum, distance) => sum + distance, 0);
    let row = 0;
    while (row < length - 1 && rest >= (distances[row] as number)) rest -= distances[row++] as number;
    centres.set(values.subarray(row * width, (row + 1) * width), drawn * width);
    for (let other = 0; other < length; other += 1) {
      const distance = squaredDistance(values, other * width, { centres, from: drawn * width, width });
      distances[other] = drawn === 0 ? distance : Math.min(distances[other] as number, distance);
    }
  }
  return centres;
}

/** @returns how many rows went over to another cluster */
function assign({ values, width }: Rows, centres: Float64Array, labels: Uint16Array): number {
  let changed = 0;
  for (let row = 0; row < labels.length; row += 1) {
    let nearest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let from = 0; from < centres.length; from += width) {
      const distance = squaredDistance(values, row * width, { centres, from, width });
      if (distance >= least) continue;
      least = distance;
      nearest = from / width;
    }
    if (labels[row] !== nearest) changed += 1;
    labels[row] = nearest;
  }
  return changed;
}

function means({ values, width }: Rows, labels: Uint16Array, before: Float64Array): Float64Array {
  const sums = new Float64Array(before.length);
  const sizes = new Float64Array(before.length / width);
  for (const [row, label] of labels.entries()) {
    sizes[label] = (sizes[label] as number) + 1;
    for (let column = 0; column < width; column += 1) {
      const place = label * width + column;
      sums[place] = (sums[place] as number) + (values[row * width + column] as number);
    }
  }
  return sums.map((sum, place) => {
    const size = sizes[Math.floor(place / width)] as number;
    return size === 0 ? (before[place] as number) : sum / size;
  });
}

function largestFirst(labels: Uint16Array, centres: Float64Array, width: number): Clusters {
  const sizes = new Array<number>(centres.length / width).fill(0);
  for (const label of labels) sizes[label] = (sizes[label] as number) + 1;
  const order = sizes.map((_, label) => label).filter((label) => (sizes[label] as number) > 0);
  order.sort((a, b) => (sizes[b] as number) - (sizes[a] as number) || a - b);
  const sorted = new Float64Array(order.length * width);
  const ranks = new Uint16Array(sizes.length);
  for (const [rank, label] of order.entries()) {
    ranks[label] = rank;
    sorted.set(centres.subarray(label * width, (label + 1) * width), rank * width);
  }
  return {
    labels: labels.map((label) => ranks[label] as number),
    centres: sorted,
    sizes: order.map((label) => sizes[label] as number),
  };
}

interface Centre {
  readonly centres: Float64Array;
  readonly from: number;
  readonly width: number;
}

function squaredDistance(values: Float32Array, at: number, { centres, from, width }: Centre): number {
  let sum = 0;
  for (let column = 0; column < width; column += 1) {
    const difference = (values[at + column] as number) - (centres[from + column] as number);
    sum += difference * difference;
  }
  return sum;
}
