import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type CorpusObject, compareKeys, type Source } from "@millrace/core";
import { openBlobs, openSource } from "@millrace/workers";
import { s3Keys, startS3Server } from "../../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../../services/server.ts";

const program = serviceProgram("weed");
if (program === undefined) process.stderr.write("skipped: no S3 server could be brought\n");
let server: TestServer | undefined;

const textOf = (text: string) => new TextEncoder().encode(text);
const open = (location: string, rules: { include?: string[]; exclude?: string[] } = {}) =>
  openSource({ location, include: [], exclude: [], ...rules });
async function listed(source: Source, after?: string): Promise<readonly CorpusObject[]> {
  const objects: CorpusObject[] = [];
  for await (const object of source.list(after)) objects.push(object);
  return objects;
}
const keysOf = async (source: Source, after?: string) => (await listed(source, after)).map(({ key }) => key);

(program === undefined ? describe.skip : describe)("an S3 source", () => {
  beforeAll(async () => {
    const started = await startS3Server(program as string);
    server = started.server;
    process.env.AWS_ENDPOINT_URL_S3 = started.endpoint;
    Object.assign(process.env, s3Keys);
  }, 60_000);
  afterAll(async () => {
    await server?.kill();
  });

  test("lists what its rules take over many pages, in order, after any key", async () => {
    const blobs = await openBlobs("s3://corpus/many");
    const keys = Array.from({ length: 1_050 }, (_, index) => `part-${index % 7}/é ${index}.md`);
    for (let start = 0; start < keys.length; start += 50) {
      await Promise.all(keys.slice(start, start + 50).map((key) => blobs.put(key, textOf(key))));
    }
    await blobs.put("image.bin", textOf("x"));
    const expected = keys.toSorted(compareKeys);
    expect(await keysOf(await open("s3://corpus/many/"))).toEqual(expected);
    const middle = expected[500] as string;
    expect(await keysOf(await open("s3://corpus/many"), middle)).toEqual(expected.slice(501));
    const third = expected.filter((key) => key.startsWith("part-3/"));
    expect(await keysOf(await open("s3://corpus/many/part-3/*.md"))).toEqual(third.map((key) => key.slice(7)));
    expect(await keysOf(await open("s3://corpus/many/", { include: ["part-3/**"] }))).toEqual(third);
    expect((await open("s3://corpus/many")).uri).toBe("s3://corpus/many/");
  }, 60_000);

  test("reads exactly the version it listed, by ranges", async () => {
    const blobs = await openBlobs("s3://corpus/large");
    const bytes = Uint8Array.from({ length: 9_000_000 }, (_, index) => (index * 2_654_435_761) >>> 24);
    await blobs.put("rows.jsonl", bytes);
    const source = await open("s3://corpus/large/rows.jsonl");
    const [object] = (await listed(source)) as [CorpusObject];
    expect({ key: object.key, bytes: object.bytes }).toEqual({ key: "rows.jsonl", bytes: bytes.length });
    const opened = await source.open(object);
    const pieces: Uint8Array[] = [];
    for await (const piece of opened.stream()) pieces.push(piece);
    expect(Buffer.compare(Buffer.concat(pieces), bytes)).toBe(0);
    expect(await opened.read(8_388_600, 8_388_620)).toEqual(bytes.slice(8_388_600, 8_388_620));
    await blobs.put("rows.jsonl", bytes.slice(1));
    await expect(opened.read(0, 10)).rejects.toMatchObject({ code: "E_OBJECT_CHANGED" });
    await blobs.delete(["rows.jsonl"]);
    await expect(opened.read(0, 10)).rejects.toMatchObject({ code: "E_OBJECT_CHANGED" });
  }, 60_000);

  test("says which bucket is missing", async () => {
    await expect(listed(await open("s3://nothing/docs/"))).rejects.toMatchObject({ code: "E_BUCKET_MISSING" });
  });
});
