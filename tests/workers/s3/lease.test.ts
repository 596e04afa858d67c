import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createSink, guardedBlobs, guardedSink, type Lease, leaseS3Folder, openBlobs } from "@millrace/workers";
import { batchOf, schemaOf } from "../../conformance/sink-points.ts";
import { type FaultKind, FaultProxy } from "../../services/fault-proxy.ts";
import { s3Keys, startS3Server } from "../../services/s3-server.ts";
import { serviceProgram, type TestServer } from "../../services/server.ts";

const program = serviceProgram("weed");
if (program === undefined) process.stderr.write("skipped: no S3 server could be brought\n");

(program === undefined ? describe.skip : describe)("a work folder in S3", () => {
  let server: TestServer | undefined;
  let proxy: FaultProxy;

  beforeAll(async () => {
    const started = await startS3Server(program as string);
    server = started.server;
    proxy = new FaultProxy({ target: started.endpoint, seed: 3, rate: 0, kinds: ["error"] });
    process.env.AWS_ENDPOINT_URL_S3 = await proxy.start();
    Object.assign(process.env, s3Keys);
  }, 60_000);
  afterAll(async () => {
    await proxy?.stop();
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
    const held = await leaseS3Folder(place, { lifetimeMilliseconds: lifetime });
    await delay(1.6 * lifetime);
    await expect(leaseS3Folder(place, { lifetimeMilliseconds: lifetime })).rejects.toMatchObject({
      code: "E_STORE_BUSY",
    });
    const blobs = await openBlobs(place);
    const sink = createSink("memory:taken-over");
    await sink.open(schemaOf());
    const guarded = { blobs: guardedBlobs(blobs, held.check), sink: guardedSink(sink, held.check) };
    await guarded.blobs.put("written", Buffer.from("while it was held"));
    await guarded.sink.upsert(batchOf(["a"]));
    // Another run has given the holder up, as after a long sleep of its machine.
    await blobs.delete(["lock.json"]);
    const other = await leaseS3Folder(place, { lifetimeMilliseconds: lifetime });
    await delay(lifetime);
    const late = [
      () => guarded.blobs.put("late", Buffer.from("no")),
      () => guarded.blobs.delete(["written"]),
      () => guarded.sink.upsert(batchOf(["late"])),
      () => guarded.sink.delete(["a"]),
      () => guarded.sink.finish(),
    ];
    for (const write of late) await expect(write()).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    expect(await blobs.get("late")).toBeUndefined();
    expect(await blobs.get("written")).toBeDefined();
    await held.release();
    await expect(leaseS3Folder(place, { lifetimeMilliseconds: lifetime })).rejects.toMatchObject({
      code: "E_STORE_BUSY",
    });
    await other.release();
  }, 40_000);

  test("is free again some time after its holder was killed", async () => {
    const place = "s3://corpus/killed";
    const lifetime = 3_000;
    const blobs = await openBlobs(place);
    await blobs.put("lock.json", Buffer.from('{"owner":"a run that was killed"}'));
    await expect(leaseS3Folder(place, { lifetimeMilliseconds: lifetime })).rejects.toMatchObject({
      code: "E_STORE_BUSY",
    });
    await delay(lifetime + 2_500);
    await (await leaseS3Folder(place, { lifetimeMilliseconds: lifetime })).release();
  }, 30_000);

  test("is asked for again before a write where its holder slept too long to know", async () => {
    const place = "s3://corpus/slept";
    const lifetime = 6_000;
    const sleeper = await leaseS3Folder(place, { lifetimeMilliseconds: lifetime });
    await (await openBlobs(place)).delete(["lock.json"]);
    const other = await leaseS3Folder(place, { lifetimeMilliseconds: lifetime });
    // Blocks this process's timers as a stopped process's are: no renewal may find out before the write does.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.6 * lifetime);
    await expect(sleeper.check()).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    await other.check();
    await other.release();
  }, 30_000);

  test("shared by name, where work begins it is asked for anew, however lately it was", async () => {
    const place = "s3://corpus/given-back";
    const [first, second] = [
      await leaseS3Folder(place, { sharedBy: "temporal" }),
      await leaseS3Folder(place, { sharedBy: "temporal" }),
    ];
    await second.confirm();
    await first.check();
    await first.release();
    const run = await leaseS3Folder(place);
    await expect(second.confirm()).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    await run.release();
    await second.confirm();
    await expect(leaseS3Folder(place)).rejects.toMatchObject({ code: "E_STORE_BUSY" });
  }, 40_000);

  test("shared by name is held by all who give it, runs out by itself, and is taken anew", async () => {
    const place = "s3://corpus/shared";
    const lifetime = 4_000;
    const shared = { lifetimeMilliseconds: lifetime, sharedBy: "temporal" };
    const workers = await Promise.all(Array.from({ length: 4 }, () => leaseS3Folder(place, shared)));
    const own = () => leaseS3Folder(place, { lifetimeMilliseconds: lifetime });
    for (const start = Date.now(); Date.now() - start < 1.5 * lifetime; await delay(500)) {
      await Promise.all(workers.map((worker) => worker.check()));
    }
    await expect(own()).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    await delay(lifetime + 2_000);
    const run = await own();
    for (const worker of workers) await expect(worker.check()).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    await run.release();
    await Promise.all(workers.map((worker) => worker.check()));
    await expect(own()).rejects.toMatchObject({ code: "E_STORE_BUSY" });
    await workers[0]?.release();
    await (await own()).release();
  }, 40_000);

  test.each<FaultKind>(["answer lost", "reset", "error", "reset in the body"])(
    "is not taken for another's when requests end in: %s",
    async (kind) => {
      const place = `s3://corpus/faulty-${kind.replaceAll(" ", "-")}`;
      const leases: Lease[] = [];
      proxy.change({ rate: 0.25, kinds: [kind] });
      for (let turn = 0; turn < 6; turn += 1) {
        leases.push(await leaseS3Folder(`${place}-${turn}`, { lifetimeMilliseconds: 6_000 }));
      }
      const before = proxy.total;
      while (proxy.total < before + 20) {
        await delay(200);
        for (const held of leases) await held.check();
      }
      proxy.change({ rate: 0 });
      await Promise.all(leases.map((held) => held.release()));
    },
    60_000,
  );
});
