import { expect, test } from "@jest/globals";
import {
  clusterNames,
  createSearcher,
  createSink,
  documentVectors,
  memoryBlobs,
  openMap,
  principalCoordinates,
  projectVectors,
} from "@millrace/workers";
import { randomNumbers } from "../support/corpus.ts";

const width = 24;

/** Vectors in groups that lie far apart: row i is of group i mod `groups`. */
function grouped(count: number, groups: number): Float32Array {
  const random = randomNumbers(groups);
  const centres = Float32Array.from({ length: groups * width }, () => random() - 0.5);
  return Float32Array.from({ length: count * width }, (_, place) => {
    const group = Math.floor(place / width) % groups;
    return (centres[group * width + (place % width)] as number) + 0.2 * (random() - 0.5);
  });
}

test("principal coordinates are those along the axes of greatest spread, in their order", () => {
  const random = randomNumbers(1);
  const spreads = Array.from({ length: width }, (_, axis) => (axis === 5 ? 9 : axis === 2 ? 4 : 0.1));
  const values = Float32Array.from({ length: 2_000 * width }, (_, place) => {
    return 3 + (random() - 0.5) * (spreads[place % width] as number);
  });
  const found = principalCoordinates({ values, width }, 2);
  expect(found.width).toBe(2);
  for (const [index, axis] of [5, 2].entries()) {
    const along = Array.from({ length: 2_000 }, (_, row) => values[row * width + axis] as number);
    const coordinates = Array.from({ length: 2_000 }, (_, row) => found.values[row * 2 + index] as number);
    expect(correlation(along, coordinates)).toBeGreaterThan(0.999);
  }
});

test("a projection keeps groups together and apart, within −1 to 1, bit for bit the same each time", () => {
  const count = 512;
  const groups = 8;
  const vectors = { values: grouped(count, groups), width };
  const { places, clusters } = projectVectors(vectors);
  expect(projectVectors({ values: grouped(count, groups), width })).toEqual({ places, clusters });
  expect(Math.max(...places.map(Math.abs))).toBeLessThanOrEqual(1);
  const isNearestAlike = Array.from({ length: count }, (_, row) => nearest(places, row) % groups === row % groups);
  expect(isNearestAlike.filter(Boolean).length / count).toBeGreaterThan(0.97);
});

test.each([0, 1, 2, 5])("%i documents have a map, equal ones too", (count) => {
  const { places, clusters } = projectVectors({ values: new Float32Array(count * width).fill(0.5), width });
  expect(places).toHaveLength(2 * count);
  expect([...places].every(Number.isFinite)).toBe(true);
  expect(clusters).toHaveLength(count);
});

test("a document's vector is the mean of its points', its text that of the first; a map is made once of a state", async () => {
  const store = "memory:map";
  const sink = createSink(store);
  await sink.open({ dimensions: 2, distance: "cosine", fingerprint: "f", graph: "g", model: "m" });
  const point = (id: string, path: string, ordinal: number) => ({
    ...{
      id,
      path,
      ordinal,
      corpus: "c",
      document: "",
      start: 0,
      end: 1,
      title: path,
      headings: [],
      text: id,
      payload: {},
    },
  });
  const records = [point("2", "a.md", 1), point("1", "b.md", 0), point("3", "a.md", 0)];
  await sink.upsert({ records, vectors: Float32Array.of(1, 0, 0, 1, 0, 1) });
  const searcher = createSearcher(store);
  const { documents, vectors, isSample } = await documentVectors(searcher, 10);
  expect(documents.map(({ path, points, firstPoint }) => [path, points, firstPoint])).toEqual([
    ["b.md", 1, "1"],
    ["a.md", 2, "3"],
  ]);
  expect([...vectors.values]).toEqual([0, 1, 0.5, 0.5]);
  expect(isSample).toBe(false);
  expect(await documentVectors(searcher, 1)).toMatchObject({ documents: [{ path: "b.md" }], isSample: true });

  const cache = memoryBlobs();
  const map = await openMap({ searcher, cache, state: "one" });
  await sink.delete(["1"]);
  expect(await openMap({ searcher, cache, state: "one" })).toEqual(map);
  expect((await openMap({ searcher, cache, state: "two" })).documents).toHaveLength(1);
});

test("clusters are named by what their titles have and others' have not", () => {
  const titles = ["the jest runner", "the jest matcher", "the arrow table", "the arrow schema", "the arrow file"];
  const documents = titles.map((title) => ({ title, path: "" }));
  expect(clusterNames(documents, Uint16Array.of(1, 1, 0, 0, 0))).toEqual(["arrow", "jest"]);
});

function nearest(places: Float32Array, row: number): number {
  let found = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let other = 0; other < places.length / 2; other += 1) {
    const distance = Math.hypot(
      at(places, 2 * other) - at(places, 2 * row),
      at(places, 2 * other + 1) - at(places, 2 * row + 1),
    );
    if (other === row || distance >= least) continue;
    least = distance;
    found = other;
  }
  return found;
}

function at(values: Float32Array, index: number): number {
  return values[index] as number;
}

function correlation(left: readonly number[], right: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const centred = (values: readonly number[]) => {
    const middle = mean(values);
    return values.map((value) => value - middle);
  };
  const [a, b] = [centred(left), centred(right)];
  const product = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}
