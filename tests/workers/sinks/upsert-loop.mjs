import { createSink } from "@millrace/workers";

/**
 * Upserts batches into the store until it is killed, saying each batch's number once it is acknowledged. Every third
 * batch repeats the ids of an earlier one; the text of a point is the number of the batch that wrote it last.
 */
const [uri, from] = process.argv.slice(2);
const [dimensions, rows] = [8, 64];
const sink = createSink(uri);
await sink.open({ dimensions, distance: "cosine", fingerprint: "f", graph: "g", model: "m" });
process.stdout.write("ready\n");
for (let batch = Number(from); ; batch += 1) {
  const place = batch % 3 === 2 ? batch - 2 : batch;
  const records = Array.from({ length: rows }, (_, ordinal) => ({
    id: `${place}/${ordinal}`,
    corpus: "c",
    path: `${place}`,
    document: "",
    ordinal,
    start: 0,
    end: 1,
    title: "",
    headings: [],
    text: `${batch}`,
    payload: {},
  }));
  await sink.upsert({ records, vectors: new Float32Array(rows * dimensions).fill(batch + 1) });
  process.stdout.write(`${batch}\n`);
  if (batch % 10 === 9) await sink.finish();
}
