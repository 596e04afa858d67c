import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { CorpusObject, Job, OpenObject, RowRange, Source } from "@millrace/core";
import { openBlobs, openSource, parseObject, surveyObject } from "@millrace/workers";
import { s3Keys, startS3Server } from "../../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../../services/server.ts";

const program = serviceProgram("weed");
if (program === undefined) process.stderr.write("skipped: no S3 server could be brought\n");
let server: TestServer | undefined;

const fields = { id: "id", text: ["text"], payload: [] };
const limits = { maxRowBytes: 1 << 20, maxObjectBytes: 1 << 20 };
const bytesOf = (count: number) => {
  const rows = Array.from({ length: count }, (_, row) => JSON.stringify({ id: row, text: `röw ${row}`.repeat(20) }));
  return new TextEncoder().encode(rows.join("\n"));
};

async function first(source: Source): Promise<CorpusObject> {
  for await (const object of source.list()) return object;
  throw new Error("nothing is listed");
}

/** Keys of a range's documents, and the bytes that were asked for. */
async function keysOf(open: OpenObject, range?: RowRange) {
  let asked = 0;
  const read = (start: number, end: number) => {
    asked += end - start;
    return open.read(start, end);
  };
  const keys: string[] = [];
  for await (const row of parseObject({ ...open, read }, fields, { ...limits, range })) {
    if ("document" in row) keys.push(row.document.key);
  }
  return { keys, asked };
}

(program === undefined ? describe.skip : describe)("ranges of an S3 object", () => {
  beforeAll(async () => {
    const started = await startS3Server(program as string);
    server = started.server;
    process.env.AWS_ENDPOINT_URL_S3 = started.endpoint;
    Object.assign(process.env, s3Keys);
  }, 60_000);
  afterAll(async () => {
    await server?.kill();
  });

  test("are read alone, and each only of the version that was surveyed", async () => {
    const blobs = await openBlobs("s3://corpus/ranges");
    const bytes = bytesOf(90_000);
    expect(bytes.length).toBeGreaterThan(10 << 20);
    await blobs.put("rows.jsonl", bytes);
    const source = await openSource({ location: "s3://corpus/ranges/", include: [], exclude: [] });
    const object = await first(source);
    const surveying = { source, job: { fields, limits } as unknown as Job, onProgress: () => {} };
    const request = { object, limits: { bytes: 4 << 20, perObject: 100, keys: 100_000 } };
    const ranges = await surveyObject(surveying, request);
    expect(ranges.length).toBe(Math.ceil(bytes.length / (4 << 20)));

    const open = await source.open(object);
    const whole = await keysOf(open);
    const readings = await Promise.all(ranges.map((range) => keysOf(open, range)));
    expect(readings.flatMap(({ keys }) => keys)).toEqual(whole.keys);
    for (const [index, { asked }] of readings.entries()) {
      const { fromByte, toByte } = ranges[index] as RowRange;
      // The head says what format the object has.
      expect(asked).toBe(toByte - fromByte + 65_536);
    }

    await blobs.put("rows.jsonl", bytesOf(90_001));
    await expect(keysOf(open, ranges[1])).rejects.toMatchObject({ code: "E_OBJECT_CHANGED" });
    expect(await surveyObject(surveying, request)).toEqual([]);
    await blobs.delete(["rows.jsonl"]);
    await expect(keysOf(open, ranges[2])).rejects.toMatchObject({ code: "E_OBJECT_CHANGED" });
  }, 60_000);
});
