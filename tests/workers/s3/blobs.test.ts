import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { openBlobs } from "@millrace/workers";
import { describeBlobStore } from "../../conformance/blobs.ts";
import { startS3Server } from "../../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../../services/server.ts";

const program = serviceProgram("weed");
let server: TestServer | undefined;
let stores = 0;

if (program === undefined) {
  test.skip("needs an S3 server, which could not be brought", () => {});
} else {
  beforeAll(async () => {
    const started = await startS3Server(program);
    server = started.server;
    process.env.AWS_ENDPOINT_URL_S3 = started.endpoint;
    process.env.AWS_ACCESS_KEY_ID = "test";
    process.env.AWS_SECRET_ACCESS_KEY = "testsecret";
  }, 60_000);
  afterAll(async () => {
    await server?.kill();
  });
  // This server keeps keys as paths of files, which know neither control characters nor what is not assigned, and lists
  // them as a tree: in order where no character sorts before the slash.
  const knowsKey = (key: string) => !/[\p{Cc}\p{Cn}\p{Co} -.]/u.test(key);
  // The least that S3 takes as a part, so that blobs of a few MiB go in parts.
  const make = () => openBlobs(`s3://corpus/store-${stores++}`, { partBytes: 5 << 20 });
  describeBlobStore("s3Blobs", make, { knowsKey, runs: 10 });
  describe("s3Blobs that cannot work", () => {
    test("a missing bucket", async () => {
      const keys = (await openBlobs("s3://nothing/a")).list("");
      await expect(keys[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "E_BUCKET_MISSING" });
    });
  });
}
