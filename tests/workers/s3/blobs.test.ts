import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { s3Blobs } from "../../../packages/workers/dist/s3/blobs.js";
import { closeS3Client } from "../../../packages/workers/dist/s3/client.js";
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
    closeS3Client();
    await server?.kill();
  });
  describeBlobStore("s3Blobs", async () => s3Blobs(`s3://corpus/store-${stores++}`), { anyKey: false });
  describe("s3Blobs that cannot work", () => {
    test("a missing bucket", async () => {
      const keys = s3Blobs("s3://nothing/a").list("");
      await expect(keys[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "E_BUCKET_MISSING" });
    });
  });
}
