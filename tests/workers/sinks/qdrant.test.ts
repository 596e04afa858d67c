import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, test } from "@jest/globals";
import { createGenerations, createSearcher, createSink, storeFolder, storeUri } from "@millrace/workers";
import { describeGenerations } from "../../conformance/generations.ts";
import { describeSink, scanned } from "../../conformance/sink.ts";
import { batchOf, recordOf, schemaOf } from "../../conformance/sink-points.ts";
import { startQdrant } from "../../services/qdrant-server.ts";
import { freePorts } from "../../services/server.ts";

const qdrant = await startQdrant();
afterAll(() => qdrant?.stop());

describe("the uri of a Qdrant store", () => {
  test("is completed by the port, and is no folder", () => {
    expect(storeUri("qdrant://localhost/docs")).toBe("qdrant://localhost:6333/docs");
    expect(storeUri("qdrant+https://example.org:443/a/docs")).toBe("qdrant+https://example.org:443/a/docs");
    expect(storeFolder("qdrant://localhost/docs")).toBeUndefined();
  });

  test.each(["qdrant:docs", "qdrant://localhost", "qdrant://localhost/", "qdrant://:1/docs", "qdrant://key@host/docs"])(
    "%s is E_CONFIG",
    (uri) => expect(() => createSink(uri)).toThrow(expect.objectContaining({ code: "E_CONFIG" })),
  );

  test("of a closed port is E_UNREACHABLE, naming it", async () => {
    const [port] = await freePorts(1);
    await expect(createSink(`qdrant://127.0.0.1:${port}/docs`).open(schemaOf())).rejects.toMatchObject({
      code: "E_UNREACHABLE",
      message: expect.stringContaining(`http://127.0.0.1:${port}`),
    });
  });
});

if (qdrant === undefined) {
  test.skip("Qdrant's engine could not be brought: run node scripts/bring-services.mjs", () => undefined);
} else {
  const newUri = () => `${qdrant.uri}/${randomUUID()}`;

  describeSink("qdrant", async () => {
    const uri = newUri();
    const refuses = ["int8", "binary"] as const;
    return { sink: () => createSink(uri), searcher: () => createSearcher(uri), isSearchable: true, refuses };
  });

  describeGenerations("qdrant", async () => newUri());

  describe("qdrant", () => {
    test("points as encoders make them are kept once, and scanned in order over many pages", async () => {
      const uri = newUri();
      const sink = createSink(uri);
      await sink.open(schemaOf({ dimensions: 64 }));
      const records = Array.from({ length: 600 }, (_, ordinal) => recordOf({ id: randomUUID(), ordinal }));
      const vectors = Float32Array.from({ length: 600 * 64 }, (_, index) => Math.sin(index * index) / Math.sqrt(64));
      for (let row = 0; row < 600; row += 1) {
        const vector = vectors.subarray(row * 64, (row + 1) * 64);
        const length = Math.hypot(...vector);
        vector.forEach((value, index) => {
          vector[index] = value / length;
        });
      }
      await sink.upsert({ records, vectors });
      const points = await scanned(createSearcher(uri));
      const expected = records.map((record, row) => ({ record, vector: vectors.slice(row * 64, (row + 1) * 64) }));
      expect(points).toEqual(expected.sort((a, b) => (a.record.id < b.record.id ? -1 : 1)));
      const answer = await fetch(`${qdrant.url}/collections/${uri.split("/").at(-1)}/points`, {
        method: "POST",
        body: JSON.stringify({ ids: [records[0]?.id] }),
      });
      const { result } = (await answer.json()) as { result: { payload: object }[] };
      expect(Object.keys(result[0]?.payload ?? {})).not.toEqual(expect.arrayContaining(["vector"]));
    });

    test("refuses a collection of another program", async () => {
      const collection = randomUUID();
      const make = (path: string, body: unknown) =>
        fetch(`${qdrant.url}/collections/${collection}${path}`, { method: "PUT", body: JSON.stringify(body) });
      await make("", { vectors: { text: { size: 4, distance: "Cosine" } } });
      await make("/points", { points: [{ id: 1, vector: { text: [1, 0, 0, 0] } }] });
      const opening = createSink(`${qdrant.uri}/${collection}`).open(schemaOf());
      await expect(opening).rejects.toMatchObject({ code: "E_STORE_SCHEMA" });
    });

    test("a collection with the store's own name stays its only live generation", async () => {
      const uri = newUri();
      const name = uri.split("/").at(-1);
      const vectors = { text: { size: 4, distance: "Cosine" } };
      await fetch(`${qdrant.url}/collections/${name}`, { method: "PUT", body: JSON.stringify({ vectors }) });
      const fill = async (place: string, id: string) => {
        const sink = createSink(place);
        await sink.open(schemaOf());
        await sink.upsert(batchOf([id], id));
        await sink.close();
      };
      await fill(uri, "a");
      await fill(`${uri}#next`, "b");
      const generations = createGenerations(uri);
      const list = async () => (await generations.list()).map(({ name, isLive }) => [name, isLive]);
      expect(await list()).toEqual([
        ["", true],
        ["next", false],
      ]);
      await expect(generations.promote("next")).rejects.toMatchObject({
        code: "E_STORE",
        message: expect.stringContaining("Delete that collection and promote again"),
      });
      await expect(generations.drop("")).rejects.toMatchObject({ code: "E_USAGE" });
      expect((await scanned(createSearcher(uri))).map(({ record }) => record.text)).toEqual(["a"]);
      await fetch(`${qdrant.url}/collections/${name}`, { method: "DELETE" });
      await generations.promote("next");
      expect((await scanned(createSearcher(uri))).map(({ record }) => record.text)).toEqual(["b"]);
    });

    test("a collection that only looks like a generation of the store is not touched", async () => {
      const uri = newUri();
      await createSink(uri).open(schemaOf());
      await createSink(`${uri}-x`).open(schemaOf());
      const opening = createSink(`${uri}#x-ffffffff`).open(schemaOf());
      await expect(opening).rejects.toMatchObject({ code: "E_STORE_SCHEMA" });
      await expect(createGenerations(uri).promote("x-ffffffff")).rejects.toMatchObject({ code: "E_STORE_MISSING" });
    });

    test("what is live survives a killed server", async () => {
      const fragile = await startQdrant();
      try {
        const uri = `${fragile?.uri}/docs`;
        for (const place of [uri, `${uri}#next`]) await createSink(place).open(schemaOf());
        await createGenerations(uri).promote("next");
        await fragile?.server.kill();
        await fragile?.server.start();
        const live = (await createGenerations(uri).list()).find(({ isLive }) => isLive);
        expect(live?.name).toBe("next");
      } finally {
        await fragile?.stop();
      }
    });

    test("a collection keeps the options it was made with, and gets the indexes it lacks", async () => {
      const uri = newUri();
      const information = async () => {
        const answer = await fetch(`${qdrant.url}/collections/${uri.split("/").at(-1)}`);
        return ((await answer.json()) as { result: { config: { hnsw_config: object }; payload_schema: object } })
          .result;
      };
      const made = {
        quantization: "scalar",
        vectors: "disk",
        payload: "disk",
        graphEdges: 24,
        payloadIndexes: [],
      } as const;
      const killed = createSink(uri, { collection: made });
      await killed.open(schemaOf());
      await killed.upsert(batchOf(["a"]));
      expect((await information()).config.hnsw_config).toEqual({ m: 0 });
      const types = ["keyword", "integer", "float", "bool", "datetime", "text"] as const;
      const payloadIndexes = types.map((type) => ({ field: `payload.${type}`, type }));
      const next = createSink(uri, { collection: { ...made, quantization: "none", graphEdges: 8, payloadIndexes } });
      await next.open(schemaOf());
      await next.finish();
      const { config, payload_schema } = await information();
      expect(config).toMatchObject({ hnsw_config: { m: 24 }, quantization_config: { scalar: { type: "int8" } } });
      expect(payload_schema).toMatchObject(
        Object.fromEntries(types.map((type) => [`payload.${type}`, { data_type: type }])),
      );
      const plain = createSink(uri);
      await plain.open(schemaOf());
      await plain.finish();
      expect((await information()).config.hnsw_config).toEqual({ m: 24 });
      expect(await createSearcher(uri).count()).toBe(1);
    });

    test("a collection made anew has another identity", async () => {
      const uri = newUri();
      const first = await createSink(uri).open(schemaOf());
      expect(await createSink(uri).open(schemaOf())).toBe(first);
      await fetch(`${qdrant.url}/collections/${uri.split("/").at(-1)}-ffffffff`, { method: "DELETE" });
      expect(await createSink(uri).open(schemaOf())).not.toBe(first);
    });

    test("a wrong key is E_CREDENTIALS", async () => {
      const guarded = await startQdrant("right");
      try {
        const uri = `${guarded?.uri}/docs`;
        const opening = createSink(uri, { apiKey: "wrong" }).open(schemaOf());
        await expect(opening).rejects.toMatchObject({ code: "E_CREDENTIALS" });
        await createSink(uri, { apiKey: "right" }).open(schemaOf());
      } finally {
        await guarded?.stop();
      }
    });

    test("a killed server loses nothing that was acknowledged, and is waited for", async () => {
      const fragile = await startQdrant();
      try {
        const uri = `${fragile?.uri}/docs`;
        const sink = createSink(uri);
        await sink.open(schemaOf());
        for (let round = 0; round < 3; round += 1) {
          await sink.upsert(batchOf([`a ${round}`, `b ${round}`]));
          await fragile?.server.kill();
          const writing = sink.upsert(batchOf([`c ${round}`]));
          await fragile?.server.start();
          await writing;
        }
        expect(await createSearcher(uri).count()).toBe(9);
      } finally {
        await fragile?.stop();
      }
    });
  });
}
