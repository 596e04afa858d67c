import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { createSearcher, createSink } from "@millrace/workers";
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
const storePoint = { id: "x", payload: { millrace: { format: 1, ...schemaOf(), identity: "i" } } };

/** As a server would whose collection is made by the first PUT. */
function answers(): (request: string) => Answer {
  let isThere = false;
  return (request) => {
    if (request === "GET /collections/docs" && !isThere) return { status: 404, body: { status: { error: "none" } } };
    if (request === "PUT /collections/docs") isThere = true;
    return { status: 200, body: { status: "ok", result: resultOf(request) } };
  };
}

function resultOf(request: string): unknown {
  if (request === "GET /collections/docs") return info;
  if (request === "POST /collections/docs/points") return [storePoint];
  if (request.startsWith("POST /collections/docs/points/query")) return { points: [] };
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
      "GET /collections/docs",
      "PUT /collections/docs",
      "GET /collections/docs",
      "POST /collections/docs/points",
      "PUT /collections/docs/index?wait=true",
      "PUT /collections/docs/index?wait=true",
      "PUT /collections/docs/index?wait=true",
      "PUT /collections/docs/points?wait=true",
      "PUT /collections/docs/points?wait=true&ordering=weak",
      "POST /collections/docs/points/delete?wait=true&ordering=weak",
      "GET /collections/docs",
      "PATCH /collections/docs",
      "GET /collections/docs",
      "POST /collections/docs/points",
      "POST /collections/docs/points/query",
      "POST /collections/docs/points/query",
    ]);
    expect(new Set(requests.map(({ apiKey }) => apiKey))).toEqual(new Set(["key"]));
    const bodies = requests.map(({ body }) => body);
    expect(bodies[1]).toEqual({ vectors, on_disk_payload: true, hnsw_config: { m: 0 } });
    const fields = bodies.slice(4, 7).map(({ field_name, field_schema }) => `${field_name} ${field_schema}`);
    expect(fields).toEqual(["corpus keyword", "path keyword", "document keyword"]);
    const [point] = (bodies[8]?.points ?? []) as Record<string, unknown>[];
    expect(Object.keys(point ?? {}).sort()).toEqual(["id", "payload", "vector"]);
    expect(point?.payload).toMatchObject({ corpus: "c", path: "a/b.md", ordinal: 0, text: "text", payload: {} });
    expect(bodies[9]).toEqual({ points: [point?.id] });
    expect(bodies[11]).toEqual({ hnsw_config: { m: 16 } });
    expect(bodies[14]).toEqual({
      query: [1, 0, 0, 0],
      using: "text",
      limit: 19,
      with_payload: true,
      with_vector: true,
      params: { exact: false },
      filter: { must: [{ key: "path", match: { value: "a.md" } }] },
    });
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
