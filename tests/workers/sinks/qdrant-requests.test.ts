import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { createGenerations, createSearcher, createSink } from "@millrace/workers";
import { batchOf, schemaOf } from "../../conformance/sink-points.ts";

interface Recorded {
  readonly request: string;
  readonly apiKey: unknown;
  readonly body: Record<string, unknown>;
}

type Answer = { readonly status: number; readonly headers?: Record<string, string>; readonly body: unknown };

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that writes down what it is asked. */
async function record(answer: (request: string, count: number) => Answer) {
  const requests: Recorded[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const request = `${incoming.method} ${incoming.url}`;
    requests.push({ request, apiKey: incoming.headers["api-key"], body: await bodyOf(incoming) });
    const { status, headers, body } = answer(request, requests.length);
    outgoing.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close().closeAllConnections());
  return { requests, uri: `qdrant://127.0.0.1:${(server.address() as AddressInfo).port}/docs` };
}

async function bodyOf(incoming: IncomingMessage): Promise<Record<string, unknown>> {
  const pieces = await incoming.toArray();
  return pieces.length === 0 ? {} : JSON.parse(Buffer.concat(pieces).toString());
}

const vectors = { text: { size: 4, distance: "Cosine", on_disk: true } };
const info = {
  status: "green",
  points_count: 0,
  payload_schema: {},
  config: { params: { vectors }, hnsw_config: { m: 0 } },
};
const live = "docs-ffffffff";
const storePointOf = (name: string) => {
  const generation = { store: "docs", name };
  return { id: "x", payload: { millrace: { format: 1, ...schemaOf(), identity: "i", generation } } };
};

/** As a server would whose collection is made by the first PUT, and named by the first change of aliases. */
function answers(): (request: string) => Answer {
  let [isThere, isNamed] = [false, false];
  return (request) => {
    if (request === `PUT /collections/${live}`) isThere = true;
    if (request === "POST /collections/aliases") isNamed = true;
    if (/^GET .collections.docs/.test(request) && !(isThere && request.endsWith(live))) {
      return { status: 404, body: { status: { error: "none" } } };
    }
    const aliases = isNamed ? [{ alias_name: "docs", collection_name: live }] : [];
    const result = request === "GET /aliases" ? { aliases } : resultOf(request);
    return { status: 200, body: { status: "ok", result } };
  };
}

function resultOf(request: string): unknown {
  if (request === `GET /collections/${live}`) return info;
  if (/^(POST .collections.aliases|PUT .collections.[^/]*|DELETE .*)$/.test(request)) return true;
  if (request === "GET /collections") return { collections: [{ name: live }, { name: "docs-next" }, { name: "else" }] };
  const [, points] = /^POST .collections.docs-(\w+).points$/.exec(request) ?? [];
  if (points !== undefined) return [storePointOf(points)];
  if (request.endsWith("/points/query")) return { points: [] };
  return { operation_id: 0, status: "completed" };
}

describe("requests to Qdrant", () => {
  test("are those its interface describes, and carry the key", async () => {
    const { requests, uri } = await record(answers());
    const sink = createSink(uri, { apiKey: "key" });
    await sink.open(schemaOf());
    await sink.upsert(batchOf(["a"]));
    await sink.delete(["a"]);
    await sink.finish();
    const filters = [
      { field: "path", pattern: "a.md" },
      { field: "title", pattern: "*" },
    ];
    await createSearcher(uri, { apiKey: "key" }).search({ vector: Float32Array.of(1, 0, 0, 0), top: 3, filters });
    expect(requests.map(({ request }) => request)).toEqual([
      "GET /aliases",
      "GET /collections/docs",
      `GET /collections/${live}`,
      `PUT /collections/${live}`,
      `GET /collections/${live}`,
      `PUT /collections/${live}/points?wait=true`,
      `PUT /collections/${live}/index?wait=true`,
      `PUT /collections/${live}/index?wait=true`,
      `PUT /collections/${live}/index?wait=true`,
      "GET /aliases",
      "POST /collections/aliases",
      "GET /aliases",
      `PUT /collections/${live}/points?wait=true&ordering=weak`,
      `POST /collections/${live}/points/delete?wait=true&ordering=weak`,
      `GET /collections/${live}`,
      `PATCH /collections/${live}`,
      `GET /collections/${live}`,
      "GET /aliases",
      `POST /collections/${live}/points`,
      `POST /collections/${live}/points/query`,
      `POST /collections/${live}/points/query`,
    ]);
    expect(new Set(requests.map(({ apiKey }) => apiKey))).toEqual(new Set(["key"]));
    const bodies = requests.map(({ body }) => body);
    expect(bodies[3]).toEqual({ vectors, on_disk_payload: true, hnsw_config: { m: 0 } });
    expect(bodies[5]?.points).toMatchObject([
      {
        vector: {},
        payload: {
          millrace: { format: 1, ...schemaOf(), graphEdges: 16, generation: { store: "docs", name: "ffffffff" } },
        },
      },
    ]);
    const create = { create_alias: { alias_name: "docs", collection_name: live } };
    expect(bodies[10]).toEqual({ actions: [create] });
    const fields = bodies.slice(6, 9).map(({ field_name, field_schema }) => `${field_name} ${field_schema}`);
    expect(fields).toEqual(["corpus keyword", "path keyword", "document keyword"]);
    const [point] = (bodies[12]?.points ?? []) as Record<string, unknown>[];
    expect(Object.keys(point ?? {}).sort()).toEqual(["id", "payload", "vector"]);
    expect(point?.payload).toMatchObject({ corpus: "c", path: "a/b.md", ordinal: 0, text: "text", payload: {} });
    expect(bodies[13]).toEqual({ points: [point?.id] });
    expect(bodies[15]).toEqual({ hnsw_config: { m: 16 } });
    expect(bodies[19]).toEqual({
      query: [1, 0, 0, 0],
      using: "text",
      limit: 19,
      with_payload: true,
      with_vector: true,
      params: { exact: false, quantization: { rescore: true, oversampling: 2 } },
      filter: { must: [{ key: "path", match: { value: "a.md" } }] },
    });
  });

  test("exact search is asked for at once", async () => {
    const { requests, uri } = await record(answers());
    await createSink(uri).open(schemaOf());
    const vector = Float32Array.of(1, 0, 0, 0);
    await createSearcher(uri).search({ vector, top: 3, filters: [], isExact: true });
    const queries = requests.filter(({ request }) => request.endsWith("/points/query"));
    expect(queries.map(({ body }) => body?.params)).toEqual([
      { exact: true, quantization: { rescore: true, oversampling: 2 } },
    ]);
  });

  test.each([
    ["none", undefined],
    ["scalar", { scalar: { type: "int8", quantile: 0.99, always_ram: true } }],
    ["binary", { binary: { always_ram: true } }],
    ["product", { product: { compression: "x16", always_ram: true } }],
  ] as const)("a collection is made as it is wanted, its vectors quantized: %s", async (quantization, config) => {
    const { requests, uri } = await record(answers());
    const collection = {
      quantization,
      vectors: "memory",
      payload: "memory",
      graphEdges: 24,
      graphCandidates: 200,
      shards: 2,
      replicas: 3,
      payloadIndexes: [
        { field: "payload.lang", type: "keyword" },
        { field: "payload.year", type: "integer" },
      ],
    } as const;
    const sink = createSink(uri, { collection });
    await sink.open(schemaOf());
    await sink.finish();
    const bodyOf = (wanted: string) => requests.find(({ request }) => request === wanted)?.body;
    expect(bodyOf(`PUT /collections/${live}`)).toEqual({
      vectors: { text: { size: 4, distance: "Cosine", on_disk: false } },
      on_disk_payload: false,
      hnsw_config: { m: 0, ef_construct: 200 },
      ...(config === undefined ? {} : { quantization_config: config }),
      shard_number: 2,
      replication_factor: 3,
    });
    const fields = requests.filter(({ request }) => request.includes("/index"));
    expect(fields.map(({ body }) => `${body.field_name} ${body.field_schema}`)).toEqual([
      "corpus keyword",
      "path keyword",
      "document keyword",
      "payload.lang keyword",
      "payload.year integer",
    ]);
    expect(bodyOf(`PATCH /collections/${live}`)).toEqual({ hnsw_config: { m: 24 } });
  });

  test("finish waits while Qdrant optimizes, and says when it could not", async () => {
    const plain = answers();
    const states = ["grey", "yellow", "yellow", "green", "red"];
    let isFilled = false;
    const { uri } = await record((request) => {
      const answer = plain(request);
      if (request === `PATCH /collections/${live}`) isFilled = true;
      if (!isFilled || request !== `GET /collections/${live}`) return answer;
      const optimizer_status = { error: "no space left" };
      const config = { ...info.config, hnsw_config: { m: 16 } };
      const result = { ...info, config, status: states[0], optimizer_status };
      states.shift();
      return { status: 200, body: { status: "ok", result } };
    });
    const sink = createSink(uri);
    await sink.open(schemaOf());
    await sink.finish();
    expect(states).toEqual(["red"]);
    states.unshift("green");
    await expect(sink.finish()).rejects.toMatchObject({
      code: "E_STORE",
      message: expect.stringContaining("no space left"),
    });
  });

  test("to promote a generation, both names change in one request", async () => {
    const { requests, uri } = await record(answers());
    await createSink(uri).open(schemaOf());
    requests.length = 0;
    const generations = createGenerations(uri);
    expect((await generations.list()).map(({ name, isLive }) => [name, isLive])).toEqual([
      ["ffffffff", true],
      ["next", false],
    ]);
    await generations.promote("next");
    await generations.drop("next");
    expect(requests.map(({ request }) => request)).toEqual([
      "GET /collections",
      "GET /aliases",
      `POST /collections/${live}/points`,
      "POST /collections/docs-next/points",
      "POST /collections/docs-next/points",
      "GET /aliases",
      "POST /collections/aliases",
      "POST /collections/docs-next/points",
      "GET /aliases",
      "DELETE /collections/docs-next",
    ]);
    const removed = { delete_alias: { alias_name: "docs" } };
    const created = { create_alias: { alias_name: "docs", collection_name: "docs-next" } };
    expect(requests[6]?.body).toEqual({ actions: [removed, created] });
  });

  test("a busy server is given the time it asks for; a refusal is not repeated", async () => {
    const plain = answers();
    const writes: number[] = [];
    const { uri } = await record((request) => {
      if (!request.includes("ordering")) return plain(request);
      writes.push(performance.now());
      if (writes.length === 1) return { status: 429, headers: { "retry-after": "1" }, body: {} };
      if (writes.length === 2) return { status: 503, body: {} };
      return writes.length === 3 ? plain(request) : { status: 400, body: { status: { error: "Wrong input: so" } } };
    });
    const sink = createSink(uri);
    await sink.open(schemaOf());
    await sink.upsert(batchOf(["a"]));
    const [first = 0, second = 0] = writes;
    expect(writes).toHaveLength(3);
    expect(second - first).toBeGreaterThan(950);
    await expect(sink.upsert(batchOf(["b"]))).rejects.toMatchObject({
      code: "E_STORE",
      message: expect.stringContaining("Wrong input: so"),
    });
    expect(writes).toHaveLength(4);
  });

  const digits = () => "0002";
  const date = () => new Date(Date.now() + 3_000).toUTCString();
  test.each<[string, number, () => string]>([
    ["429, seconds of several digits", 429, digits],
    ["429, a date", 429, date],
    ["503, seconds of several digits", 503, digits],
    ["503, a date", 503, date],
  ])("Retry-After is heeded whole: %s", async (_, status, retryAfter) => {
    const plain = answers();
    const writes: number[] = [];
    const { uri } = await record((request) => {
      if (!request.includes("ordering")) return plain(request);
      writes.push(performance.now());
      return writes.length === 1 ? { status, headers: { "Retry-After": retryAfter() }, body: {} } : plain(request);
    });
    const sink = createSink(uri);
    await sink.open(schemaOf());
    await sink.upsert(batchOf(["a"]));
    const [first = 0, second = 0] = writes;
    expect(writes).toHaveLength(2);
    expect(second - first).toBeGreaterThan(1_950);
    expect(second - first).toBeLessThan(4_000);
  });
});
