import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Prometheus, prometheusProgram, startPrometheus } from "../services/prometheus-server.ts";
import { serviceProgram } from "../services/server.ts";
import { startTemporal, type TemporalServer } from "../services/temporal-server.ts";
import { run, start, temporaryFolder, tinyGenerator, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, madeUpPrompts, writeFiles } from "../support/corpus.ts";
import { dashboardQueries, type PanelQuery, resolved } from "../support/dashboards.ts";
import { type FleetWorker, startFleetWorker } from "../support/fleet.ts";
import { OtlpReceiver, type ReceivedSpan } from "../support/otlp-receiver.ts";
import { until } from "../support/processes.ts";

const prometheus = prometheusProgram("prometheus");
const isHere = prometheus !== undefined && serviceProgram("temporal") !== undefined;
if (!isHere) process.stderr.write("skipped: no Prometheus or no Temporal server could be brought\n");

const files = 60;

/** In a document and in the worker's settings: nothing that a worker writes or sends may hold one. */
const canary = { text: "quixotic", secret: "zkw93-canary-secret" };
const secrets = {
  AWS_ACCESS_KEY_ID: `${canary.secret}-1`,
  AWS_SECRET_ACCESS_KEY: `${canary.secret}-2`,
  AWS_SESSION_TOKEN: `${canary.secret}-3`,
  AWS_REGION: "us-east-1",
};

(isHere ? describe : describe.skip)("metrics, as a real Prometheus sees them", () => {
  let folder: string;
  let temporal: TemporalServer;
  let worker: FleetWorker;
  let generator: FleetWorker;
  let scraper: Prometheus;
  let collector: OtlpReceiver;
  let refusing: RefusingS3;
  let said = "";
  let environment: Readonly<Record<string, string>>;

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (let file = 0; file < files; file += 1)
      await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file, 4) });
    await writeFiles(folder, { "docs/rows.jsonl": '{"text":"a row"}\n{"text": quixotic\n{"text":"a row"}\n' });
    temporal = await startTemporal(folder);
    environment = { TEMPORAL_ADDRESS: temporal.address };
    collector = await OtlpReceiver.start();
    refusing = await startRefusingS3();
    Object.assign(environment, secrets, { AWS_ENDPOINT_URL_S3: refusing.url });
    const traced = { ...environment, OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: "100" };
    const more = ["--metrics-port", "0", "--log-level", "trace"];
    worker = await startFleetWorker({ cwd: folder, environment: traced, arguments: more });
    worker.child.stderr?.on("data", (text) => {
      said += text;
    });
    const generating = ["--model", tinyGenerator, "--queues", "generate", "--metrics-port", "0"];
    generator = await startFleetWorker({ cwd: folder, environment: traced, arguments: generating });
    const targets = [worker, generator].map(({ metricsUrl }) => new URL(metricsUrl ?? "").host);
    scraper = await startPrometheus(prometheus as string, { folder, targets });
  }, 120_000);

  afterAll(async () => {
    for (const each of [worker, generator]) each?.child.kill("SIGKILL");
    await Promise.all([collector?.stop(), refusing?.stop()]);
    await scraper?.server.kill();
    await temporal?.server.kill();
  });

  const seriesValue = async (expression: string) => (await scraper.query(expression))[0]?.value;

  test("a job's figures are those of its result", async () => {
    const args = ["index", "docs", "--model", tinyModel, "--json", "--store", "fleet/store", "--work", "fleet/work"];
    const { code, result } = await run([...args, "--on", "temporal"], { cwd: folder, environment });
    expect(code).toBe(3);
    // The commit is what a job does last, and is under way until it has answered.
    const isOver = "count(millrace_job_last_success_timestamp_seconds) and sum(millrace_stage_running) == 0";
    await until(async () => (await scraper.query(isOver)).length > 0, "the scrape after the job", 30_000);
    expect({
      objects: await seriesValue('sum(millrace_objects_total{outcome="new"})'),
      documents: await seriesValue('sum(millrace_documents_total{outcome="changed"})'),
      points: await seriesValue('sum(millrace_sink_points_total{operation="upsert"})'),
      chunks: await seriesValue('sum(millrace_chunks_total{outcome=~"encoded|reused"})'),
      quarantined: await seriesValue('sum(millrace_quarantined_rows_total{code="E_ROW_PARSE"})'),
      quarantinedInAll: await seriesValue("sum(millrace_quarantined_rows_total)"),
      committed: await seriesValue("count(millrace_job_last_success_timestamp_seconds)"),
      failed: await seriesValue("sum(millrace_errors_total)"),
      running: await seriesValue("sum(millrace_stage_running)"),
    }).toEqual({
      objects: files + 1,
      documents: files + 2,
      points: result.points,
      chunks: result.points,
      quarantined: 1,
      quarantinedInAll: 1,
      committed: 1,
      failed: 0,
      running: 0,
    });
    const lanes = "sum(millrace_device_busy_seconds_total) + sum(millrace_device_idle_seconds_total)";
    expect(await seriesValue(lanes)).toBeGreaterThan(0);
    expect((await scraper.query('millrace_model_info{dimensions!=""}'))[0]?.labels).toMatchObject({
      precision: "fp32",
      device: "cpu",
    });
  }, 60_000);

  test("so are those of a job that answers prompts", async () => {
    await writeFiles(folder, { "prompts.jsonl": madeUpPrompts(100) });
    const places = ["--out", "answers.jsonl", "--work", "fleet/work", "--max-quarantined", "2"];
    const args = ["generate", "prompts.jsonl", "--model", tinyGenerator, "--max-new-tokens", "9", "--json", ...places];
    const { code, result } = await run([...args, "--on", "temporal"], { cwd: folder, environment });
    expect([code, result.failed]).toEqual([0, 2]);
    const generated = 'millrace_generator_tokens_total{kind="generated"}';
    const tokens = Number(result.generatedTokens);
    const isTold = `sum(${generated}) >= ${tokens} and sum(millrace_generator_rows) == 0`;
    await until(async () => (await scraper.query(isTold)).length > 0, "the scrape after the job", 30_000);
    // A token that ends an answer is computed, and no part of it.
    expect(Number(await seriesValue(`sum(${generated})`))).toBeLessThanOrEqual(tokens + 98);
    expect({
      answered: await seriesValue('sum(millrace_prompts_total{outcome="answered"})'),
      failed: await seriesValue('sum(millrace_prompts_total{outcome="failed"})'),
      written: await seriesValue('sum(millrace_stage_rows_total{stage="generate"})'),
      ended: await seriesValue('sum(millrace_answers_total{outcome=~"stop|length"})'),
      prompts: await seriesValue('sum(millrace_generator_tokens_total{kind="prompt"})'),
      waiting: await seriesValue("sum(millrace_generator_requests)"),
    }).toEqual({ answered: 98, failed: 2, written: 100, ended: 98, prompts: result.promptTokens, waiting: 0 });
    const read = Number(await seriesValue('sum(millrace_generator_tokens_total{kind="read"})'));
    expect([read > 0, read <= Number(result.promptTokens)]).toEqual([true, true]);
    const runs = await seriesValue("sum(millrace_generator_run_duration_seconds_count)");
    expect(Number(runs)).toBeGreaterThan(9);
    expect(Number(await seriesValue('sum(millrace_generator_cache_bytes{kind="planned"})'))).toBeGreaterThan(0);
  }, 60_000);

  test("each job is one trace over all its activities, whoever did them", async () => {
    const parents = (spans: readonly ReceivedSpan[]) =>
      Object.fromEntries(
        spans.map((span) => [span.name, spans.find(({ id }) => id === span.parentId)?.name ?? "root"]),
      );
    const isOver = () => collector.named("job").length === 2 && collector.named("answer").length === 98;
    await until(isOver, "the spans of both jobs", 10_000);
    const traces = [...Map.groupBy(collector.spans, ({ traceId }) => traceId).values()];
    expect(traces.length).toBe(2);
    const generating = traces.findIndex((spans) => spans.some(({ name }) => name === "answer"));
    const steps = { job: "root", plan: "job", commit: "job", shard: "job", split: "shard", write: "shard" };
    expect(parents(traces[1 - generating] ?? [])).toEqual({
      ...steps,
      encode: "shard",
      batch: "encode",
      "engine run": "batch",
      upsert: "write",
    });
    expect(parents(traces[generating] ?? [])).toEqual({ ...steps, generate: "shard", answer: "generate" });
    for (const { attributes, milliseconds, traceId } of collector.named("job")) {
      expect(attributes).toEqual({ "temporal.workflow_id": expect.stringMatching(/^millrace\//) });
      for (const shard of collector.named("shard").filter((span) => span.traceId === traceId))
        expect(shard.milliseconds).toBeLessThanOrEqual(milliseconds);
    }
  }, 20_000);

  test("every query of every dashboard returns data", async () => {
    let silent: readonly PanelQuery[] = await dashboardQueries();
    // A rate needs two scrapes of a series, and some series begin with the job.
    for (let look = 0; look < 20 && silent.length > 0; look += 1) {
      const answers = await Promise.all(silent.map(({ expr }) => scraper.query(resolved(expr))));
      silent = silent.filter((_, index) => answers[index]?.length === 0);
      if (silent.length > 0) await delay(500);
    }
    expect(silent).toEqual([]);
  });

  test("the SDK's own metrics stand beside them", async () => {
    const seen = await scraper.query('temporal_activity_execution_latency_seconds_count{activity_type="encode"}');
    expect(seen.length).toBeGreaterThan(0);
    expect((await scraper.query("temporal_worker_task_slots_available")).length).toBeGreaterThan(0);
  });

  test("a failed job gives away neither text nor secrets: not in the history, the log, the spans, or the metrics", async () => {
    const args = ["index", "s3://corpus/docs/", "--model", tinyModel, "--json", "--store", "failed/store"];
    const more = ["--work", "failed/work", "--on", "temporal", "--debug", "--log-level", "trace"];
    const { code, result, stdout, stderr } = await run([...args, ...more], { cwd: folder, environment });
    expect({ code, error: result.error?.code }).toEqual({ code: 4, error: "E_CREDENTIALS" });
    const job = /"job":"([0-9a-f]{16})"/.exec(stdout)?.[1];
    const where = ["--address", temporal.address, "--workflow-id", `millrace/${job}`, "--output", "json"];
    const shown = await promisify(execFile)(serviceProgram("temporal") as string, ["workflow", "show", ...where]);
    const payloads = [...shown.stdout.matchAll(/"data":\s*"([^"]*)"/g)].map(([, data]) =>
      Buffer.from(data ?? "", "base64"),
    );
    const history = [shown.stdout, ...payloads].join("\n");
    expect(history).toContain("E_CREDENTIALS");
    await until(async () => collector.spans.some(({ error }) => error === "E_CREDENTIALS"), "the failed span", 10_000);
    const metrics = await (await fetch(worker.metricsUrl as string)).text();
    const lines = said
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toContainEqual(expect.objectContaining({ level: "warn", step: "plan", code: "E_CREDENTIALS", job }));
    expect(lines).toContainEqual(expect.objectContaining({ source: "temporal", level: "debug" }));
    const written = { history, said, metrics, stdout, stderr, spans: collector.bodies.join("\n") };
    const held = Object.entries(written).filter(
      ([, text]) => text.includes(canary.text) || text.includes(canary.secret),
    );
    expect(held.map(([where]) => where)).toEqual([]);
  }, 60_000);

  test("a command alone serves the same while it runs", async () => {
    const args = ["index", "docs", "--model", tinyModel, "--store", "alone/store", "--work", "alone/work"];
    const { child, finished } = await start([...args, "--metrics-port", "0"], { cwd: folder });
    let said = "";
    child.stderr?.on("data", (text) => {
      said += text;
    });
    let isSeen = false;
    await until(
      async () => {
        const [url] = /http:\/\/127\.0\.0\.1:\d+\/metrics/.exec(said) ?? [];
        // The process may be gone between two looks.
        const text =
          url === undefined
            ? ""
            : await fetch(url)
                .then((response) => response.text())
                .catch(() => "");
        isSeen ||= text.includes("millrace_job_running 1") && text.includes("millrace_job_remaining_seconds");
        return child.exitCode !== null;
      },
      "the end of the run",
      60_000,
    );
    expect((await finished).code).toBe(3);
    expect(isSeen).toBe(true);
  }, 90_000);
});

interface RefusingS3 {
  readonly url: string;
  stop(): Promise<void>;
}

/** Refuses every request with what it was authorised by. */
async function startRefusingS3(): Promise<RefusingS3> {
  const server = createServer(({ headers }, response) => {
    const told = `authorization: ${headers.authorization} x-amz-security-token: ${headers["x-amz-security-token"]} ${canary.secret}-2`;
    response.writeHead(403, { "content-type": "application/xml" });
    response.end(`<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>${told}</Message></Error>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}
