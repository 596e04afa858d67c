import { parseArgs } from "node:util";
import { createSink, pointId } from "@millrace/workers";
import { QdrantClient } from "@qdrant/js-client-rest";
import { startQdrant } from "../tests/services/qdrant-server.ts";
import { median } from "./median.mjs";
import { writeReport } from "./report.mjs";

/**
 * Points per second into a Qdrant server: this product's sink beside the bare client, which is handed points that are made
 * beforehand, with the same acknowledgement, on the same server, in turns. By points in a call and calls at once; the sink
 * makes requests of its own of each call.
 */
const { values } = parseArgs({
  options: { points: { type: "string", default: "3000" }, rounds: { type: "string", default: "3" } },
});
/** @typedef {{ rate: number, cpu: number }} Measured Points per second, microseconds of CPU for a point. */

const count = Number(values.points);
const dimensions = 384;
const shapes = [64, 256, 1000].flatMap((batch) => [1, 3].map((streams) => ({ batch, streams })));

const server = await startQdrant();
if (server === undefined) {
  process.stderr.write("skipped: Qdrant's engine could not be brought\n");
} else {
  try {
    const { records, vectors } = madeUpPoints();
    /** @type {{ shape: (typeof shapes)[number], ours: Measured[], bare: Measured[] }[]} */
    const measured = shapes.map((shape) => ({ shape, ours: [], bare: [] }));
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const { shape, ours, bare } of measured) {
        bare.push(await bareRate(records, vectors, shape));
        ours.push(await sinkRate(records, vectors, shape));
      }
    }
    const results = measured.flatMap(({ shape, ours, bare }) => {
      const calls = `${shape.batch} × ${shape.streams}`;
      const ratio = median(ours.map(({ rate }, round) => rate / (bare[round]?.rate ?? 0)));
      const ratios = { "against the bare client, same calls": `${ratio.toFixed(2)} ×` };
      return [row(`bare client, ${calls}`, bare), row(`millrace's sink, ${calls}`, ours, ratios)];
    });
    await writeReport({ name: "sink", baseline: "bare client, 256 × 3", unit: "points/s", results });
  } finally {
    await server.stop();
  }
}

/** @param {string} peer @param {readonly Measured[]} runs @param {Record<string, string>} more */
function row(peer, runs, more = {}) {
  const cpu = Math.round(median(runs.map(({ cpu }) => cpu)));
  const measures = { "points in a run": count, "µs of CPU for a point": cpu, ...more };
  return { peer, tokensPerSecond: Math.round(median(runs.map(({ rate }) => rate))), measures };
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

/**
 * @param {ReturnType<typeof madeUpPoints>["records"]} records
 * @param {Float32Array} vectors
 * @param {{ batch: number, streams: number }} shape
 */
async function sinkRate(records, vectors, { batch, streams }) {
  const sink = createSink(`${server?.uri}/sink-${performance.now()}`);
  await sink.open({ dimensions, distance: "cosine", fingerprint: "bench", graph: "g", model: "m" });
  const measure = startMeasure();
  await atOnce(batch, streams, (from, to) =>
    sink.upsert({
      records: records.slice(from, to),
      vectors: vectors.subarray(from * dimensions, Math.min(to, count) * dimensions),
    }),
  );
  const measured = measure();
  await sink.close();
  return measured;
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
  const measure = startMeasure();
  await atOnce(batch, streams, async (from, to) => {
    await client.upsert(name, { points: points.slice(from, to), wait: true });
  });
  return measure();
}

/** Beside the rate, what this process computes for a point: that hardly depends on what else the machine does. */
function startMeasure() {
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { rate: (1000 * count) / (performance.now() - startedAt), cpu: (user + system) / count };
  };
}

/**
 * @param {number} batch
 * @param {number} streams
 * @param {(from: number, to: number) => Promise<void>} send
 */
async function atOnce(batch, streams, send) {
  let next = 0;
  const stream = async () => {
    while (next < count) {
      const from = next;
      next += batch;
      await send(from, from + batch);
    }
  };
  await Promise.all(Array.from({ length: streams }, stream));
}
