import { type Clusters, clusterRows } from "./clusters.js";
import { eigenvectors } from "./eigenvectors.js";
import { principalCoordinates, type Rows } from "./principal-components.js";

/** Vectors in the plane: near ones lie near each other as far as two dimensions allow. */
export interface Projection {
  /** x and y of each vector, within −1 to 1. */
  readonly places: Float32Array;
  /** Of each vector, the number of its cluster; 0 is the largest. */
  readonly clusters: Uint16Array;
}

/** Components that clusters are found in: what is beyond them is mostly noise. */
const components = 16;
const mostClusters = 24;
/** How much of a cluster's disc lies within two standard deviations of its members. */
const softness = 1.6;

/**
 * Lays vectors out in two steps, each deterministic: clusters by where they lie along the two strongest principal components,
 * pushed apart until none covers another; within each, its members by the two directions in which they differ most. What
 * principal components alone would draw is one cloud, since two of hundreds of dimensions say little.
 */
export function projectVectors(vectors: Rows): Projection {
  const length = vectors.values.length / vectors.width;
  if (length === 0) return { places: new Float32Array(0), clusters: new Uint16Array(0) };
  const rows = principalCoordinates(vectors, components);
  const clusters = clusterRows(rows, clusterCount(length));
  const discs = placeDiscs(clusters, rows.width);
  const places = new Float32Array(2 * length);
  const members = membersOf(clusters);
  for (const [label, disc] of discs.entries()) placeMembers({ rows, members: members[label] ?? [], disc }, places);
  return { places: fitted(places), clusters: clusters.labels };
}

function clusterCount(length: number): number {
  return Math.max(1, Math.min(mostClusters, Math.round(Math.sqrt(length) / 2)));
}

/** Where a cluster lies; its area follows from its members. */
interface Disc {
  x: number;
  y: number;
  readonly radius: number;
}

const pushes = 400;
/** Empty space between two discs, as a share of the radii. */
const gap = 1.14;

/** Discs at their centres' first two components, moved as little as it takes to lie beside each other. */
function placeDiscs({ centres, sizes }: Clusters, width: number): readonly Disc[] {
  const radii = sizes.map((size) => Math.sqrt(size));
  const reach = Math.sqrt(radii.reduce((sum, radius) => sum + radius * radius, 0));
  const extent = centres.reduce(
    (most, value, place) => (place % width < 2 ? Math.max(most, Math.abs(value)) : most),
    0,
  );
  const scale = extent === 0 ? 0 : reach / extent;
  const discs = radii.map((radius, label): Disc => {
    const [x = 0, y = 0] = centres.subarray(label * width, label * width + 2);
    return { x: x * scale, y: (width > 1 ? y : 0) * scale, radius };
  });
  for (let push = 0; push < pushes; push += 1) {
    // Drawn together, they end as near to each other as they can.
    const pull = push < pushes * 0.8 ? 0.004 : 0;
    for (const disc of discs) {
      disc.x *= 1 - pull;
      // Screens are wide.
      disc.y *= 1 - 2 * pull;
    }
    for (const [index, one] of discs.entries()) for (const other of discs.slice(index + 1)) separate(one, other);
  }
  return discs;
}

function separate(one: Disc, other: Disc): void {
  const apart = gap * (one.radius + other.radius);
  const distance = Math.hypot(other.x - one.x, other.y - one.y);
  if (distance >= apart) return;
  // The smaller one gives way.
  const [dx, dy] = distance === 0 ? [1, 0] : [(other.x - one.x) / distance, (other.y - one.y) / distance];
  const share = other.radius ** 2 / (one.radius ** 2 + other.radius ** 2);
  const missing = apart - distance;
  one.x -= dx * missing * share;
  one.y -= dy * missing * share;
  other.x += dx * missing * (1 - share);
  other.y += dy * missing * (1 - share);
}

function membersOf({ labels, sizes }: Clusters): readonly (readonly number[])[] {
  const members = sizes.map((): number[] => []);
  for (const [row, label] of labels.entries()) members[label]?.push(row);
  return members;
}

interface Island {
  readonly rows: Rows;
  readonly members: readonly number[];
  readonly disc: Disc;
}

/** Writes the members' places: their two local principal components, drawn into the disc with its edge left soft. */
function placeMembers({ rows, members, disc }: Island, places: Float32Array): void {
  const { x, y } = localCoordinates(rows, members);
  const scales = [spreadOf(x), spreadOf(y)] as const;
  for (const [index, row] of members.entries()) {
    const u = (x[index] as number) / scales[0];
    const v = (y[index] as number) / scales[1];
    const distance = Math.hypot(u, v);
    const drawn = distance === 0 ? 0 : (disc.radius * (1 - Math.exp(-distance / softness))) / distance;
    places[2 * row] = disc.x + u * drawn;
    places[2 * row + 1] = disc.y + v * drawn;
  }
}

interface Coordinates {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

function localCoordinates({ values, width }: Rows, members: readonly number[]): Coordinates {
  const mean = new Float64Array(width);
  for (const row of members)
    for (let column = 0; column < width; column += 1)
      mean[column] = (mean[column] as number) + (values[row * width + column] as number) / members.length;
  const difference = (row: number, column: number) =>
    (values[row * width + column] as number) - (mean[column] as number);
  const covariance = new Float64Array(width * width);
  for (const row of members)
    for (let i = 0; i < width; i += 1)
      for (let j = 0; j < width; j += 1) {
        const place = i * width + j;
        covariance[place] = (covariance[place] as number) + difference(row, i) * difference(row, j);
      }
  const [first, second] = eigenvectors(covariance, width).map(alongAxes);
  const along = (axis: Float64Array | undefined) =>
    Float64Array.from(members, (row) => {
      let sum = 0;
      for (let column = 0; column < width && axis !== undefined; column += 1)
        sum += difference(row, column) * (axis[column] as number);
      return sum;
    });
  return { x: along(first), y: along(second) };
}

/** Turned so that it points the way of the map's own axes, as far as it can. */
function alongAxes(axis: Float64Array): Float64Array {
  const [x = 0, y = 0] = axis;
  return x + y < 0 ? axis.map((value) => -value) : axis;
}

function spreadOf(values: Float64Array): number {
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(squares / Math.max(1, values.length)) || 1;
}

/** Moved and scaled so that all lie within −1 to 1, shapes kept. */
function fitted(places: Float32Array): Float32Array {
  const bounds = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (let index = 0; index < places.length; index += 2) {
    const x = places[index] as number;
    const y = places[index + 1] as number;
    bounds.left = Math.min(bounds.left, x);
    bounds.right = Math.max(bounds.right, x);
    bounds.top = Math.min(bounds.top, y);
    bounds.bottom = Math.max(bounds.bottom, y);
  }
  const half = Math.max(bounds.right - bounds.left, bounds.bottom - bounds.top) / 2 || 1;
  const middle = [(bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2] as const;
  return places.map((value, index) => (value - (middle[index % 2] as number)) / half);
}
