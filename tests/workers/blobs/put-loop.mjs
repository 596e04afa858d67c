import { folderBlobs } from "@millrace/workers";

/** Puts blobs of one repeated byte, larger and smaller ones in turn, until it is killed. */
const blobs = folderBlobs(process.argv[2]);
process.stdout.write("ready\n");
for (let round = 0; ; round += 1) {
  const bytes = new Uint8Array(100_000 * (1 + (round % 5))).fill(round % 251);
  await blobs.put(`blob/${round % 3}.bin`, bytes);
  await blobs.put(`once/${round}.bin`, bytes, { onlyIfAbsent: true });
}
