import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type QdrantServer, startQdrant } from "../services/qdrant-server.ts";
import { serviceProgram } from "../services/server.ts";
import { run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../support/corpus.ts";
import { faultsIn } from "../support/fault-counters.ts";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import { childrenWith, signal, until } from "../support/processes.ts";

/** In documents, in what is no document, and in settings: nothing that is written about the work may hold one. */
const canary = { text: "quixotic", secret: "zkw93-canary-secret" };
const secrets = {
  QDRANT_API_KEY: `${canary.secret}-1`,
  HF_TOKEN: `${canary.secret}-2`,
  TEMPORAL_API_KEY: `${canary.secret}-3`,
  AWS_SECRET_ACCESS_KEY: `${canary.secret}-4`,
  OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${canary.secret}-5`,
  HF_ENDPOINT: `http://user:${canary.secret}-6@127.0.0.1:9`,
};
const talkative = ["--log-format", "json", "--log-level", "trace", "--debug", "--json"];

let folder: string;
let collector: OtlpReceiver;

beforeAll(async () => {
  folder = await temporaryFolder();
  collector = await OtlpReceiver.start();
  for (let file = 0; file < 5; file += 1) await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file, 4) });
});

afterAll(() => collector?.stop());

function expectNoCanary(texts: Readonly<Record<string, string>>): void {
  const found = Object.entries(texts).flatMap(([where, text]) => {
    const lines = text.split("\n").filter((line) => line.includes(canary.text) || line.includes(canary.secret));
    return lines.map((line) => `${where}: ${line}`);
  });
  expect(found).toEqual([]);
}

test("a run is one trace, from the job down to engine runs and upserts", async () => {
  const args = ["index", "docs", "--model", tinyModel, "--store", "store", "--work", "work", "--hosts", "1"];
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
  const finished = await run(args, { cwd: folder, environment });
  expect(finished.code).toBe(0);
  expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1);
  const parents = Object.fromEntries(collector.spans.map(({ name }) => [name, collector.parentsOf(name)]));
  expect(parents).toEqual({
    job: ["root"],
    plan: ["job"],
    commit: ["job"],
    shard: ["job"],
    split: ["shard"],
    encode: ["shard"],
    write: ["shard"],
    batch: ["encode"],
    "engine run": ["batch"],
    upsert: ["write"],
  });
  const runs = collector.named("engine run").map(({ attributes }) => Number(attributes["millrace.tokens"]));
  const [encode] = collector.named("encode");
  // Chunks of equal texts run once.
  expect(runs.reduce((sum, tokens) => sum + tokens, 0)).toBe(encode?.attributes["millrace.tokens"]);
  expect(collector.named("engine run")[0]?.attributes).toMatchObject({ "millrace.device": "cpu" });
}, 60_000);

test("neither text nor a secret gets into logs, traces, metrics or results, also where rows are bad and hosts die", async () => {
  const hidden = `${canary.text} words that nobody is to read`;
  const bad = {
    "rows.jsonl": `{"text":"${hidden}"}\n{"text": ${hidden}}\n{"other":"${hidden}"}\n`,
    "bad.csv": `a\n"${hidden}\n`,
  };
  for (const [name, content] of Object.entries(bad)) await writeFiles(folder, { [`canary/${name}`]: content });
  for (let file = 0; file < 25; file += 1)
    await writeFiles(folder, {
      [`canary/${file}.md`]: `---\ntitle: [${hidden}\n---\n${madeUpMarkdown(file, 12)}\n${hidden}\n`,
    });
  const before = collector.bodies.length;
  const args = ["index", "canary", "--model", tinyModel, "--store", "store-2", "--work", "work-2", "--hosts", "1"];
  const environment = { ...secrets, MILLRACE_OTLP_ENDPOINT: collector.endpoint };
  const running = await start([...args, ...talkative, "--metrics-push", collector.endpoint], {
    cwd: folder,
    environment,
  });
  let said = "";
  running.child.stderr?.on("data", (text) => {
    said += text;
  });
  const killHost = async (host: string, step: string) => {
    const pids = () => (said.includes(`"${step} begun"`) ? childrenWith(host, running.child.pid) : []);
    await until(() => pids().length > 0 || running.child.exitCode !== null, `a ${host} at work`, 60_000);
    for (const pid of pids()) signal(pid, "SIGKILL");
  };
  await killHost("splitter-host", "split");
  await killHost("encoder-host", "encode");
  const { code, stdout, stderr } = await running.finished;
  expect(code).toBe(3);
  expectNoCanary({ stdout, stderr, sent: collector.bodies.slice(before).join("\n") });
  expect(faultsIn(collector.bodies.at(-1)?.toString() ?? "")).toEqual({
    'host_restarts_total{host="encoder"}': 1,
    'host_restarts_total{host="splitter"}': 1,
    'quarantined_rows_total{code="E_ROW_FIELD"}': 1,
    'quarantined_rows_total{code="E_ROW_PARSE"}': 2,
  });
}, 90_000);

test("a job of prompts is one trace, down to each answer, without a word of prompts and answers", async () => {
  const before = { spans: collector.spans.length, bodies: collector.bodies.length };
  const prompts = [0, 1, 2].map((row) => `{"prompt":"t${row} ${canary.text} t7"}\n`);
  await writeFiles(folder, { "prompts.jsonl": prompts.join("") });
  const model = resolve("tests/golden/tiny-decoders/llama");
  const args = ["generate", "prompts.jsonl", "--model", model, "--out", "out.jsonl", "--max-new-tokens", "3"];
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
  const { code, stdout, stderr } = await run([...args, ...talkative], { cwd: folder, environment });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const spans = collector.spans.slice(before.spans);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  expect(spans.filter(({ name }) => name === "answer").length).toBe(prompts.length);
  const parents = spans.map(({ name, traceId, parentId }) => {
    return [name, spans.find((span) => span.id === parentId && span.traceId === traceId)?.name ?? "root"];
  });
  expect(Object.fromEntries(parents)).toEqual({
    job: "root",
    plan: "job",
    commit: "job",
    shard: "job",
    split: "shard",
    generate: "shard",
    write: "shard",
    answer: "generate",
  });
  expectNoCanary({ stdout, stderr, sent: collector.bodies.slice(before.bodies).join("\n") });
}, 60_000);

const isHere = serviceProgram("python") !== undefined;
if (!isHere) process.stderr.write("skipped: no Qdrant server could be brought\n");

(isHere ? test : test.skip)(
  "a store that repeats in its refusal all that it was sent gives nothing away",
  async () => {
    const qdrant = (await startQdrant(secrets.QDRANT_API_KEY)) as QdrantServer;
    const echo = await startEcho(qdrant.url);
    await writeFiles(folder, { "short/a.jsonl": `{"text":"${canary.text} words"}\n` });
    const before = collector.bodies.length;
    try {
      const store = `${echo.url.replace("http:", "qdrant:")}/docs`;
      const args = ["index", "short", "--model", tinyModel, "--store", store, "--work", "work-3", ...talkative];
      const environment = { ...secrets, MILLRACE_OTLP_ENDPOINT: collector.endpoint };
      const { code, stdout, stderr } = await run(args, { cwd: folder, environment });
      expect(code).toBe(1);
      const errors = stderr.split("\n").filter((line) => line.startsWith('{"level":"error"'));
      expect(errors.map((line) => JSON.parse(line).code)).toEqual(["E_STORE"]);
      expectNoCanary({ stdout, stderr, sent: collector.bodies.slice(before).join("\n") });
      expect(
        collector.spans
          .filter(({ error }) => error === "E_STORE")
          .map(({ name }) => name)
          .sort(),
      ).toEqual(["job", "shard", "upsert", "write"]);
    } finally {
      await echo.stop();
      await qdrant.stop();
    }
  },
  60_000,
);

/** Stands before a Qdrant server, and answers writes of points with a refusal that repeats request and headers. */
async function startEcho(target: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const headers = { "content-type": "application/json", "api-key": String(request.headers["api-key"]) };
    if (request.url?.includes("ordering=weak")) {
      const texts = (JSON.parse(body) as { points: { payload: { text: string } }[] }).points.map(
        ({ payload }) => payload.text,
      );
      const error = `Wrong input: ${JSON.stringify(texts)} api-key: ${request.headers["api-key"]}, sent as ${body}`;
      response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ status: { error } }));
      return;
    }
    const init = { method: request.method ?? "GET", headers, ...(body !== "" && { body }) };
    const answer = await fetch(`${target}${request.url}`, init);
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
