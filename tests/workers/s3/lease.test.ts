import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { leaseS3Folder, openBlobs } from "@millrace/workers";
import { startS3Server } from "../../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../../services/server.ts";

const program = serviceProgram("weed");
if (program === undefined) process.stderr.write("skipped: no S3 server could be brought\n");

(program === undefined ? describe.skip : describe)("a work folder in S3", () => {
  let server: TestServer | undefined;

  beforeAll(async () => {
    const started = await startS3Server(program as string);
    server = started.server;
    process.env.AWS_ENDPOINT_URL_S3 = started.endpoint;
    process.env.AWS_ACCESS_KEY_ID = "test";
    process.env.AWS_SECRET_ACCESS_KEY = "testsecret";
  }, 60_000);
  afterAll(async () => {
    await server?.kill();
  });

  test("is of one run at a time, which gives it back", async () => {
    const place = "s3://corpus/leased";
    const racing = await Promise.allSettled(Array.from({ length: 8 }, () => leaseS3Folder(place)));
    const won = racing.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
    const lost = racing.flatMap((end) => (end.status === "rejected" ? [end.reason.code] : []));
    expect([won.length, new Set(lost)]).toEqual([1, new Set(["E_STORE_BUSY"])]);
    await won[0]?.release();
    await (await leaseS3Folder(place)).release();
  });

  test("is kept while its holder lives, and taken over from one that died", async () => {
    const place = "s3://corpus/taken-over";
    const lifetime = 4_000;
    const held = await leaseS3Folder(place, lifetime);
    await delay(1.6 * lifetime);
    await expect(leaseS3Folder(place, lifetime)).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    const blobs = await openBlobs(place);
    await held.guard(blobs).put("written", Buffer.from("while it was held"));
    // Another run has given the holder up, as after a long sleep of its machine.
    await blobs.delete(["lock.json"]);
    const other = await leaseS3Folder(place, lifetime);
    await delay(lifetime);
    await expect(held.guard(blobs).put("late", Buffer.from("no"))).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    await held.release();
    await expect(leaseS3Folder(place, lifetime)).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    await other.release();
  }, 40_000);

  test("is free again some time after its holder was killed", async () => {
    const place = "s3://corpus/killed";
    const lifetime = 3_000;
    const blobs = await openBlobs(place);
    await blobs.put("lock.json", Buffer.from('{"owner":"a run that was killed"}'));
    await expect(leaseS3Folder(place, lifetime)).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    await delay(lifetime + 2_500);
    await (await leaseS3Folder(place, lifetime)).release();
  }, 30_000);
});
