import { describe, expect, test } from "@jest/globals";
import { type BlobStore, compareKeys } from "@millrace/core";
import fc from "fast-check";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What every BlobStore must do. `make` gives an empty store; a server may not know every key. */
export function describeBlobStore(
  name: string,
  make: () => Promise<BlobStore>,
  { knowsKey = () => true, runs = 30 }: { knowsKey?: (key: string) => boolean; runs?: number } = {},
): void {
  describe(`${name} is a BlobStore`, () => {
    test.each([0, 1, 4096, 5_000_000, 12_000_000])("%d bytes come back as they were put", async (length) => {
      const blobs = await make();
      const bytes = Uint8Array.from({ length }, (_, index) => index * 31);
      expect(await blobs.put("folder/bytes.bin", bytes)).toBe(true);
      const stored = await blobs.get("folder/bytes.bin");
      expect(stored?.length).toBe(length);
      expect(Buffer.compare(stored ?? new Uint8Array(1), bytes)).toBe(0);
    });

    test("changing the given or the returned bytes does not change the blob", async () => {
      const blobs = await make();
      const bytes = bytesOf("abc");
      await blobs.put("a.txt", bytes);
      bytes[0] = 0;
      (await blobs.get("a.txt"))?.fill(0);
      expect(await blobs.get("a.txt")).toEqual(bytesOf("abc"));
    });

    test("a blob that is not there is undefined", async () => {
      const blobs = await make();
      expect(await blobs.get("nothing")).toBeUndefined();
      await blobs.put("a/b.txt", bytesOf("b"));
      expect(await blobs.get("a")).toBeUndefined();
      expect(await blobs.get("a/b.txt/c")).toBeUndefined();
    });

    test("put replaces", async () => {
      const blobs = await make();
      await blobs.put("a", bytesOf("a longer first text"));
      await blobs.put("a", bytesOf("second"));
      expect(await blobs.get("a")).toEqual(bytesOf("second"));
    });

    test("of 20 racing writers with onlyIfAbsent exactly one wins, and its bytes stay", async () => {
      const blobs = await make();
      const put = (writer: number) => blobs.put("done/000001.json", bytesOf(`${writer}`), { onlyIfAbsent: true });
      const won = await Promise.all(Array.from({ length: 20 }, (_, writer) => put(writer)));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await blobs.get("done/000001.json")).toEqual(bytesOf(`${won.indexOf(true)}`));
      expect(await put(99)).toBe(false);
      await blobs.delete(["done/000001.json"]);
      expect(await put(100)).toBe(true);
    });

    test("a large blob, too, is put once where that is asked for", async () => {
      const blobs = await make();
      const [first, second] = [new Uint8Array(6_000_000).fill(1), new Uint8Array(11_000_000).fill(2)];
      expect(await blobs.put("large", first, { onlyIfAbsent: true })).toBe(true);
      expect(await blobs.put("large", second, { onlyIfAbsent: true })).toBe(false);
      expect(Buffer.compare((await blobs.get("large")) ?? new Uint8Array(), first)).toBe(0);
      await blobs.put("large", second);
      expect(Buffer.compare((await blobs.get("large")) ?? new Uint8Array(), second)).toBe(0);
      expect(await listed(blobs, "")).toEqual(["large"]);
    });

    test("concurrent puts of many keys and of one key", async () => {
      const blobs = await make();
      const keys = Array.from({ length: 60 }, (_, index) => `many/${index % 7}/${index}`);
      await Promise.all(keys.map((key) => blobs.put(key, bytesOf(key))));
      for (const key of keys) expect(await blobs.get(key)).toEqual(bytesOf(key));
      const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(1000));
      await Promise.all(texts.map((text) => blobs.put("one", bytesOf(text))));
      expect(texts).toContain(new TextDecoder().decode(await blobs.get("one")));
    });

    test("delete ignores what is not there", async () => {
      const blobs = await make();
      await blobs.put("a/1", bytesOf("1"));
      await blobs.put("a/2", bytesOf("2"));
      await blobs.delete(["a/1", "a/missing", "b/c", "a/1/below"]);
      expect(await listed(blobs, "")).toEqual(["a/2"]);
      await blobs.delete([]);
      await blobs.delete(["a/2"]);
      expect(await listed(blobs, "")).toEqual([]);
    });

    test("list is by prefix and in key order, whatever the keys", async () => {
      const segment = fc.oneof(
        fc.constantFrom(
          "a",
          "A",
          "a.b",
          "a-b",
          "a0",
          "%",
          "%41",
          "…",
          "é",
          "😀",
          "\uffee",
          " ",
          "a%",
          "con:*?",
          "a\tb",
        ),
        fc.string({ minLength: 1, maxLength: 6, unit: "binary" }).filter(isSegment),
      );
      const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join("/"));
      const keys = fc.uniqueArray(key.filter(knowsKey), { maxLength: 25 });
      const property = fc.asyncProperty(keys, fc.nat(30), async (keys, cut) => {
        const blobs = await make();
        for (const key of keys) await blobs.put(key, bytesOf(key));
        expect(await listed(blobs, "")).toEqual([...keys].sort(compareKeys));
        for (const key of keys) expect(await blobs.get(key)).toEqual(bytesOf(key));
        // By characters: half of a pair of surrogates is no prefix that anybody could ask for.
        const prefix = [...(keys[0] ?? "")].slice(0, cut).join("");
        expect(await listed(blobs, prefix)).toEqual(keys.filter((key) => key.startsWith(prefix)).sort(compareKeys));
      });
      await fc.assert(property, { numRuns: runs });
    });

    test.each(["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\0b", "a/\ud800"])(
      "refuses key %j",
      async (key) => {
        const blobs = await make();
        const attempts = [
          async () => blobs.put(key, bytesOf("")),
          async () => blobs.get(key),
          async () => blobs.delete([key]),
        ];
        for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: "E_INTERNAL" });
      },
    );
  });
}

const isSegment = (text: string) => !/[/\0]|^\.{1,2}$|\p{Surrogate}/u.test(text);

async function listed(blobs: BlobStore, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const key of blobs.list(prefix)) keys.push(key);
  return keys;
}
