import { parseArgs } from "node:util";
import { createSink, pointId } from "@millrace/workers";
import { QdrantClient } from "@qdrant/js-client-rest";
import { startQdrant } from "../tests/services/qdrant-server.ts";
import { writeReport } from "./report.mjs";

/**
 * Points per second into a Qdrant server: this product's sink beside the bare client, which is handed points that are made
 * beforehand, with the same acknowledgement, on the same server, in turns. By points in a request and requests at once.
 */
const { values } = parseArgs({
  options: { points: { type: "string", default: "6000" }, rounds: { type: "string", default: "3" } },
});
const count = Number(values.points);
const dimensions = 384;
const shapes = [
  { batch: 64, streams: 1 },
  { batch: 256, streams: 1 },
  { batch: 256, streams: 3 },
  { batch: 1000, streams: 3 },
];

const server = await startQdrant();
if (server === undefined) {
  process.stderr.write("skipped: Qdrant's engine could not be brought\n");
} else {
  try {
    const { records, vectors } = madeUpPoints();
    const ours = [];
    const bare = new Map(shapes.map((shape) => [shape, /** @type {number[]} */ ([])]));
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const shape of shapes) bare.get(shape)?.push(await bareRate(records, vectors, shape));
      ours.push(await sinkRate(records, vectors));
    }
    const rows = shapes.map((shape) => row(`bare client, ${shape.batch} × ${shape.streams}`, bare.get(shape) ?? []));
    const results = [...rows, row("millrace's sink, 256 × 3", ours)];
    await writeReport({ name: "sink", baseline: "bare client, 256 × 3", unit: "points/s", results });
  } finally {
    await server.stop();
  }
}

/** @param {string} peer @param {number[]} rates */
function row(peer, rates) {
  const median = [...rates].sort((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
  return { peer, tokensPerSecond: Math.round(median), measures: { "points in a run": count } };
}

function madeUpPoints() {
  const vectors = new Float32Array(count * dimensions);
  const records = Array.from({ length: count }, (_, index) => {
    const vector = Float32Array.from({ length: dimensions }, (_, place) => Math.sin(index * 0.7 + place * place));
    const length = Math.hypot(...vector);
    vectors.set(
      vector.map((value) => value / length),
      index * dimensions,
    );
    const place = { corpus: "bench", object: `${index % 100}.jsonl`, document: String(index), ordinal: 0 };
    const text = `What a chunk of some three hundred characters says of document ${index}. `.repeat(4);
    const { corpus, document, ordinal } = place;
    const offsets = { ordinal, start: 0, end: text.length };
    const more = {
      title: `Document ${index}`,
      headings: ["Part", "Section"],
      text,
      payload: { lang: "en", year: 2026 },
    };
    return { id: pointId(place), corpus, path: place.object, document, ...offsets, ...more };
  });
  return { records, vectors };
}

/** @param {ReturnType<typeof madeUpPoints>["records"]} records @param {Float32Array} vectors */
async function sinkRate(records, vectors) {
  const sink = createSink(`${server?.uri}/sink-${performance.now()}`);
  await sink.open({ dimensions, distance: "cosine", fingerprint: "bench", graph: "g", model: "m" });
  const startedAt = performance.now();
  // As many as an encoder's batch brings.
  for (let from = 0; from < count; from += 1024) {
    const piece = records.slice(from, from + 1024);
    await sink.upsert({
      records: piece,
      vectors: vectors.subarray(from * dimensions, (from + piece.length) * dimensions),
    });
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await sink.close();
  return count / seconds;
}

/**
 * @param {ReturnType<typeof madeUpPoints>["records"]} records
 * @param {Float32Array} vectors
 * @param {{ batch: number, streams: number }} shape
 */
async function bareRate(records, vectors, { batch, streams }) {
  const client = new QdrantClient({ url: server?.url ?? "", checkCompatibility: false });
  const name = `bare-${performance.now()}`;
  await client.createCollection(name, {
    vectors: { text: { size: dimensions, distance: "Cosine", on_disk: true } },
    on_disk_payload: true,
    hnsw_config: { m: 0 },
  });
  for (const field_name of ["corpus", "path", "document"]) {
    await client.createPayloadIndex(name, { field_name, field_schema: "keyword", wait: true });
  }
  const points = records.map(({ id, ...payload }, index) => {
    return {
      id,
      vector: { text: Array.from(vectors.subarray(index * dimensions, (index + 1) * dimensions)) },
      payload,
    };
  });
  const startedAt = performance.now();
  let next = 0;
  const stream = async () => {
    while (next < count) {
      const from = next;
      next += batch;
      await client.upsert(name, { points: points.slice(from, from + batch), wait: true });
    }
  };
  await Promise.all(Array.from({ length: streams }, stream));
  return count / ((performance.now() - startedAt) / 1000);
}
