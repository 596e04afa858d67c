import { expect, test } from "@jest/globals";
import { blobJournals, type JournalEntry, memoryBlobs } from "@millrace/workers";

const entry = (place: number): JournalEntry => ({
  place,
  sequence: 0,
  generatedTokens: place,
  text: `answer ${place}`,
});
const batch = { shard: "000000.000000", index: 0 };

test("answers of one span of time make one part, are safe when it is written, and are found by whoever comes next", async () => {
  const blobs = memoryBlobs();
  const parts = async () => {
    let count = 0;
    for await (const _ of blobs.list("journal/")) count += 1;
    return count;
  };
  const open = blobJournals(blobs, 20);
  const journal = await open(batch);
  let isSafe = false;
  const first = journal.add([entry(0)]).then(() => {
    isSafe = true;
  });
  await Promise.resolve();
  expect([isSafe, await parts()]).toEqual([false, 0]);
  await Promise.all([first, journal.add([entry(1), entry(2)])]);
  expect([isSafe, await parts()]).toEqual([true, 1]);
  // Not waited for: closing brings it to safety. The other one works on the same batch, as a worker taken for dead does.
  const other = await open(batch);
  void journal.add([entry(3)]);
  void other.add([entry(1), entry(4)]);
  await Promise.all([journal.close(), other.close()]);
  const places = (await open(batch)).entries.map(({ place }) => place);
  expect(places.toSorted()).toEqual([0, 1, 1, 2, 3, 4]);
  expect((await open({ ...batch, index: 1 })).entries).toEqual([]);
  await journal.remove();
  expect([await parts(), (await open(batch)).entries]).toEqual([0, []]);
});

test("an answer that cannot be kept is not called safe", async () => {
  const blobs = memoryBlobs();
  const put = () => Promise.reject(new Error("no space"));
  const journal = await blobJournals({ ...blobs, put }, 60_000)(batch);
  const added = journal.add([entry(0)]);
  await expect(journal.close()).rejects.toThrow("no space");
  await expect(added).rejects.toThrow("no space");
});
