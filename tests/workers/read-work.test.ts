import { expect, test } from "@jest/globals";
import { type BatchRef, type BlobStore, layout, noCounts, noPlanCounts, type SplitCounts } from "@millrace/core";
import { memoryBlobs, WorkReader } from "@millrace/workers";

const put = (blobs: BlobStore, key: string, value: unknown) => blobs.put(key, Buffer.from(JSON.stringify(value)));

function batches(shard: string): readonly BatchRef[] {
  return [0, 1].map((index) => ({ ...{ key: "", bytes: 1, sha256: "" }, shard, index, chunks: 10, tokens: 100 }));
}

const counts: SplitCounts = { ...noCounts, documents: 3, chunks: 20, tokens: 200, bytes: 50 };

async function split(blobs: BlobStore, shard: string): Promise<void> {
  await put(blobs, layout.splitIndex(shard), { split: { batches: batches(shard), counts, isDone: false }, parts: [] });
}

test("a work folder says how far its job is, through each of its stages", async () => {
  const blobs = memoryBlobs();
  const reader = new WorkReader(blobs);
  expect(await reader.read()).toMatchObject({ isListed: false, quarantined: 0, split: noCounts });
  expect((await reader.read()).planned).toBeUndefined();

  const plan = { page: 0, shards: [], removed: [], counts: { ...noPlanCounts, bytes: 100 }, next: "b" };
  await put(blobs, layout.planPage(0), { store: "s", reading: "r", plan });
  await split(blobs, "one");
  await put(blobs, layout.vectorsIndex("one", 1), { shard: "one", index: 1 });
  expect(await reader.read()).toMatchObject({
    ...{ planned: { bytes: 100 }, isListed: false, split: counts },
    ...{ encoded: { chunks: 10, tokens: 100 }, unwritten: { chunks: 0 }, written: { chunks: 0 } },
  });

  await put(blobs, layout.vectorsIndex("one", 0), { shard: "one", index: 0 });
  const { next: _, ...last } = plan;
  await put(blobs, layout.planPage(1), { store: "s", reading: "r", plan: last });
  await blobs.put(layout.quarantine("one"), Buffer.from("{}\n{}\n"));
  expect(await reader.read()).toMatchObject({
    ...{ planned: { bytes: 200 }, isListed: true, quarantined: 2 },
    ...{ encoded: { chunks: 20 }, unwritten: { chunks: 20 }, written: { chunks: 0 } },
  });

  await put(blobs, layout.done("one"), { split: { batches: batches("one"), counts, isDone: false }, receipts: [] });
  await blobs.delete([layout.splitIndex("one")]);
  expect(await reader.read()).toMatchObject({
    ...{ split: counts, encoded: { chunks: 20 }, unwritten: { chunks: 0 }, written: { chunks: 20, tokens: 200 } },
  });

  // The commit: the plan is cleared away, the manifest put in force, and what is settled leaves the quarantine.
  await blobs.delete([layout.planPage(0), layout.planPage(1), layout.done("one")]);
  await blobs.put(layout.quarantine("one"), Buffer.from("{}\n"));
  await put(blobs, layout.manifestHead, { store: "s", pages: [{ key: "p" }], documents: 3, points: 20 });
  const rested = await reader.read();
  expect(rested).toMatchObject({ written: { chunks: 0 }, quarantined: 1, head: { documents: 3, points: 20 } });
  expect(rested.planned).toBeUndefined();
});
