/** Floats of one document in the answer of `api/map`: x, y, cluster, folder. */
const floatsOfDocument = 4;
/** The plane is cut into so many cells each way, to find the nearest document without looking at all. */
const cells = 96;

/** The documents of a map, and where they are. */
export class MapPoints {
  /**
   * @param {Float32Array} floats
   * @param {{ folders: readonly string[], clusters: readonly string[], isSample: boolean }} facts names by number
   */
  constructor(floats, { folders, clusters, isSample }) {
    this.floats = floats;
    this.folders = folders;
    this.clusters = clusters;
    this.isSample = isSample;
    this.count = floats.length / floatsOfDocument;
    this.starts = new Uint32Array(cells * cells + 1);
    this.sorted = new Uint32Array(this.count);
    this.extent = this.#extent();
    this.#sort();
  }

  /** @param {number} index */
  x(index) {
    return /** @type {number} */ (this.floats[index * floatsOfDocument]);
  }

  /** @param {number} index */
  y(index) {
    return /** @type {number} */ (this.floats[index * floatsOfDocument + 1]);
  }

  /** @param {number} index @param {"cluster" | "folder"} by */
  group(index, by) {
    return /** @type {number} */ (this.floats[index * floatsOfDocument + (by === "cluster" ? 2 : 3)]);
  }

  /** How many documents each group has, by its number. @param {"cluster" | "folder"} by */
  groupSizes(by) {
    /** @type {number[]} */
    const sizes = [];
    for (let index = 0; index < this.count; index += 1) {
      const group = this.group(index, by);
      sizes[group] = (sizes[group] ?? 0) + 1;
    }
    return sizes;
  }

  /** Above the middle of each cluster that has a name. @returns {readonly { name: string, x: number, y: number }[]} */
  clusterTops() {
    const sums = this.clusters.map((name) => ({ name, x: 0, y: 1, count: 0 }));
    for (let index = 0; index < this.count; index += 1) {
      const sum = sums[this.group(index, "cluster")];
      if (sum === undefined) continue;
      sum.x += this.x(index);
      sum.y = Math.min(sum.y, this.y(index));
      sum.count += 1;
    }
    return sums
      .filter(({ name, count }) => name !== "" && count > 0)
      .map(({ name, x, y, count }) => ({ name, x: x / count, y }));
  }

  /**
   * The document nearest to a place, none where all are farther than `reach`.
   * @param {number} x @param {number} y @param {number} reach in the map's units
   * @returns {number | undefined}
   */
  nearest(x, y, reach) {
    let found;
    let least = reach * reach;
    for (let row = cellOf(y - reach); row <= cellOf(y + reach); row += 1)
      for (let column = cellOf(x - reach); column <= cellOf(x + reach); column += 1) {
        const cell = row * cells + column;
        for (let at = this.#start(cell); at < this.#start(cell + 1); at += 1) {
          const index = /** @type {number} */ (this.sorted[at]);
          const distance = (this.x(index) - x) ** 2 + (this.y(index) - y) ** 2;
          if (distance > least) continue;
          least = distance;
          found = index;
        }
      }
    return found;
  }

  /** How wide and high the map is about its middle. */
  #extent() {
    let [right, bottom] = [0, 0];
    for (let index = 0; index < this.count; index += 1) {
      right = Math.max(right, Math.abs(this.x(index)));
      bottom = Math.max(bottom, Math.abs(this.y(index)));
    }
    return { width: 2 * right || 1, height: 2 * bottom || 1 };
  }

  /** @param {number} cell */
  #start(cell) {
    return /** @type {number} */ (this.starts[cell]);
  }

  /** Counting sort by cell. */
  #sort() {
    const cell = (/** @type {number} */ index) => cellOf(this.y(index)) * cells + cellOf(this.x(index));
    for (let index = 0; index < this.count; index += 1) this.starts[cell(index) + 1] = this.#start(cell(index) + 1) + 1;
    for (let at = 0; at < cells * cells; at += 1) this.starts[at + 1] = this.#start(at + 1) + this.#start(at);
    const next = this.starts.slice();
    for (let index = 0; index < this.count; index += 1) {
      const at = /** @type {number} */ (next[cell(index)]);
      this.sorted[at] = index;
      next[cell(index)] = at + 1;
    }
  }
}

/** @param {number} value −1 to 1; what is outside belongs to the outermost cells */
function cellOf(value) {
  return Math.max(0, Math.min(cells - 1, Math.floor(((value + 1) / 2) * cells)));
}
