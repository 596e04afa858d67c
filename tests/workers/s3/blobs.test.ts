import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ListMultipartUploadsCommand, ListPartsCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { openBlobs, openOutput } from "@millrace/workers";
import { describeBlobStore } from "../../conformance/blobs.ts";
import { type FaultKind, FaultProxy } from "../../services/fault-proxy.ts";
import { directS3, s3Keys, startS3Server } from "../../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../../services/server.ts";

const program = serviceProgram("weed");
let server: TestServer | undefined;
let proxy: FaultProxy;
let direct: S3Client;
let stores = 0;

if (program === undefined) {
  test.skip("needs an S3 server, which could not be brought", () => {});
} else {
  beforeAll(async () => {
    const started = await startS3Server(program);
    server = started.server;
    proxy = new FaultProxy({ target: started.endpoint, seed: 11, rate: 0, kinds: ["error"] });
    process.env.AWS_ENDPOINT_URL_S3 = await proxy.start();
    direct = directS3(started.endpoint);
    Object.assign(process.env, s3Keys);
  }, 60_000);
  afterAll(async () => {
    direct?.destroy();
    await proxy?.stop();
    await server?.kill();
  });
  // This server keeps keys as paths of files, which know neither control characters nor what is not assigned, and lists
  // them as a tree: in order where no character sorts before the slash.
  const knowsKey = (key: string) => !/[\p{Cc}\p{Cn}\p{Co} -.]/u.test(key);
  // The least that S3 takes as a part, so that blobs of a few MiB go in parts.
  const make = () => openBlobs(`s3://corpus/store-${stores++}`, { partBytes: 5 << 20 });
  describeBlobStore("s3Blobs", make, { knowsKey, runs: 10 });

  test.each([0, 1, 35])("an output of %i MiB is one object that is read as it was written", async (pieces) => {
    const output = openOutput(`s3://corpus/outputs/${pieces}.jsonl`);
    await output.check();
    expect(await output.digest()).toBeUndefined();
    const hash = createHash("sha256");
    const content = async function* () {
      for (let index = 0; index < pieces; index += 1) {
        const piece = Buffer.alloc(1 << 20, index);
        hash.update(piece);
        yield piece;
      }
    };
    const written = await output.write(content());
    expect(written).toBe(hash.digest("hex"));
    expect(await output.digest()).toBe(written);
  });

  describe("s3Blobs that cannot work", () => {
    // An upload whose first answer was lost stays in the server's list, but holds nothing.
    const partsLeft = async () => {
      const { Uploads = [] } = await direct.send(new ListMultipartUploadsCommand({ Bucket: "corpus" }));
      const parts = await Promise.all(
        Uploads.map(({ Key, UploadId }) => direct.send(new ListPartsCommand({ Bucket: "corpus", Key, UploadId }))),
      );
      return parts.flatMap(({ Key, Parts = [] }) => Parts.map(({ PartNumber }) => `${Key} ${PartNumber}`));
    };

    test.each<FaultKind>(["error", "reset", "answer lost", "reset in the body", "body cut short", "slow body"])(
      "a large blob is put whole, and leaves no part behind, when requests end in: %s",
      async (kind) => {
        const blobs = await make();
        const before = proxy.total;
        proxy.change({ rate: 0.3, kinds: [kind] });
        for (let round = 0; proxy.total < before + 12; round += 1) {
          const bytes = new Uint8Array(11_000_000).fill(round + 1);
          expect(await blobs.put("large", bytes)).toBe(true);
          expect(Buffer.compare((await blobs.get("large")) ?? new Uint8Array(), bytes)).toBe(0);
        }
        proxy.change({ rate: 0 });
        expect(await partsLeft()).toEqual([]);
      },
    );

    test("a large blob that cannot be put leaves the one before as it is, and no part", async () => {
      const blobs = await make();
      const first = new Uint8Array(6_000_000).fill(1);
      await blobs.put("large", first);
      const denied = await openBlobs("s3://corpus/denied", { partBytes: 5 << 20 });
      const requests: string[] = [];
      proxy.refuse = (request) => requests.push(request) > 0 && request.includes("partNumber=2");
      await expect(blobs.put("large", new Uint8Array(26_000_000).fill(2))).rejects.toMatchObject({
        code: "E_CREDENTIALS",
      });
      // A part that comes after its upload was aborted might stay.
      await delay(500);
      expect(requests.at(-1)).toMatch(/^DELETE .*uploadId=/);
      await expect(denied.put("other", new Uint8Array(6_000_000))).rejects.toMatchObject({ code: "E_CREDENTIALS" });
      proxy.refuse = () => false;
      expect(await partsLeft()).toEqual([]);
      expect(Buffer.compare((await blobs.get("large")) ?? new Uint8Array(), first)).toBe(0);
      expect(await denied.get("other")).toBeUndefined();
    });

    test("a missing bucket", async () => {
      const keys = (await openBlobs("s3://nothing/a")).list("");
      await expect(keys[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "E_BUCKET_MISSING" });
    });
  });
}
