import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { openVectorCache, vectorKey } from "@millrace/workers";
import { until } from "../../support/processes.ts";

const dimensions = 32;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-vectors-"));
});

afterEach(() => rm(folder, { recursive: true }));

const keyOf = (id: number) => vectorKey("graph", Int32Array.of(id));
const vectorOf = (id: number) => Float32Array.from({ length: dimensions }, (_, place) => Math.fround(id + place / 7));

describe("a cache of vectors", () => {
  test("gives back what it was given, bit for bit, after it was closed", async () => {
    const cache = await openVectorCache({ folder, bytes: 2 ** 20 });
    expect(cache.get(keyOf(1))).toBeUndefined();
    cache.put(keyOf(1), vectorOf(1));
    // A part of larger floats, as the engine gives them.
    const many = Float32Array.from([...vectorOf(2), ...vectorOf(3)]);
    cache.put(keyOf(3), many.subarray(dimensions));
    many.fill(0);
    await cache.close();
    const again = await openVectorCache({ folder, bytes: 2 ** 20 });
    expect([again.get(keyOf(1)), again.get(keyOf(3))]).toEqual([vectorOf(1), vectorOf(3)]);
    await again.close();
  });

  test("stays within its room, keeps what is used, and lets go of what is not", async () => {
    const bytes = 200_000;
    const cache = await openVectorCache({ folder, bytes });
    for (let id = 0; id < 20_000; id += 1) {
      cache.put(keyOf(id), vectorOf(id));
      if (id % 50 !== 49) continue;
      // What was put is written a moment later.
      await until(() => cache.get(keyOf(id)) !== undefined, `vector ${id}`);
      expect(cache.get(keyOf(0))).toEqual(vectorOf(0));
    }
    await cache.close();
    const again = await openVectorCache({ folder, bytes });
    const kept = Array.from({ length: 20_000 }, (_, id) => id).filter((id) => again.get(keyOf(id)) !== undefined);
    await again.close();
    expect(kept[0]).toBe(0);
    expect(kept.at(-1)).toBe(19_999);
    expect(kept.length).toBeGreaterThan(300);
    expect(kept.length * dimensions * 4).toBeLessThan(bytes);
    // What is emptied is used again, not given back to the file system.
    expect((await stat(join(folder, "data.mdb"))).size).toBeLessThan(10 * bytes);
  });

  test("says where it cannot be", async () => {
    await writeFile(join(folder, "file"), "");
    const opened = openVectorCache({ folder: join(folder, "file"), bytes: 1_000 });
    await expect(opened).rejects.toMatchObject({ code: "E_CONFIG" });
  });
});
