import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import {
  createMetrics,
  type MetricFacts,
  metricTable,
  observeEngine,
  pushMetrics,
  serveMetrics,
} from "@millrace/workers";
import fc from "fast-check";
import { failureOf } from "../../compiler/support.ts";
import { prometheusProgram } from "../../services/prometheus-server.ts";

const table: readonly [string, MetricFacts][] = Object.entries(metricTable);

/** Labels whose values are known at run time only; each metric that has one says how many those can be. */
const openLabels = ["version", "node", "model", "precision", "device", "provider", "dimensions", "job_id"];
const units = /_(seconds|bytes|tokens|ratio|watts|lanes|points|requests|rows|depth|running|info)$/;

test.each(table)("%s has a name that Prometheus' conventions allow", (name, { type, help, labels, buckets }) => {
  expect(name).toMatch(/^millrace_[a-z]+(_[a-z]+)*$/);
  expect(name).not.toContain("_by_");
  expect(name.endsWith("_total")).toBe(type === "counter");
  if (type !== "counter") expect(name).toMatch(units);
  expect(help).toMatch(/^(?:1|[A-Z]).*\.$/s);
  expect((buckets?.length ?? 0) > 0).toBe(type === "histogram");
  for (const [label, values] of Object.entries(labels)) {
    expect(label).toMatch(/^[a-z_]+$/);
    if (values === "any") expect(openLabels).toContain(label);
    else expect(new Set(values).size).toBe(values.length);
  }
});

const promtool = prometheusProgram("promtool");
(promtool === undefined ? test.skip : test)("promtool finds nothing to say of them", async () => {
  const metrics = await createMetrics();
  const { status, stdout, stderr } = spawnSync(promtool as string, ["check", "metrics"], {
    input: await metrics.text(),
  });
  expect({ status, said: `${stdout}${stderr}` }).toEqual({ status: 0, said: "" });
});

test("whatever has closed labels is there from the start, at 0", async () => {
  const metrics = await createMetrics();
  const text = await metrics.text();
  expect(text).toContain('millrace_errors_total{code="E_STORE"} 0');
  expect(text).toContain("millrace_device_idle_seconds_total");
  metrics.count("millrace_errors_total", { code: "E_STORE" });
  metrics.count("millrace_errors_total", { code: "E_STORE" }, 2);
  expect(await metrics.text()).toContain('millrace_errors_total{code="E_STORE"} 3');
});

test("serves what is there, says when it is ready, and refuses a port that is taken", async () => {
  const metrics = await createMetrics();
  let isReady = false;
  const options = { host: "127.0.0.1", port: 0, isReady: () => isReady, others: async () => "others_total 1\n" };
  const endpoint = await serveMetrics(metrics, options);
  try {
    expect((await fetch(`${endpoint.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${endpoint.url}/readyz`)).status).toBe(503);
    isReady = true;
    expect((await fetch(`${endpoint.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${endpoint.url}/`)).status).toBe(404);
    const response = await fetch(`${endpoint.url}/metrics`);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).toMatch(/^millrace_event_loop_delay_seconds\{at="p99"\} [\d.e-]+$/m);
    expect(text.endsWith("others_total 1\n")).toBe(true);
    const port = Number(new URL(endpoint.url).port);
    const taken = await failureOf(() => serveMetrics(metrics, { ...options, port }));
    expect([taken.code, taken.why]).toEqual(["E_CONFIG", expect.stringContaining("EADDRINUSE")]);
  } finally {
    await endpoint.close();
  }
});

test("a push to nobody is an error of one line", async () => {
  const error = await failureOf(async () =>
    pushMetrics(await createMetrics(), { url: "http://127.0.0.1:1234/", job: "a/b" }),
  );
  expect(error.code).toBe("E_UNREACHABLE");
  expect(error.message).toContain("http://127.0.0.1:1234/metrics/job/a%2Fb");
});

test("what lanes do adds up to the time there was", async () => {
  const metrics = await createMetrics();
  let now = 0;
  const observer = observeEngine(metrics, { device: "cpu", now: () => now });
  const lanes = fc.record({ busy: fc.nat(4), starting: fc.nat(4), spare: fc.nat(4), milliseconds: fc.nat(10_000) });
  const expected = { busy: 0, starting: 0, idle: 0 };
  for (const { busy, starting, spare, milliseconds } of fc.sample(lanes, 200)) {
    observer.lanes({ busy, starting, all: busy + starting + spare });
    now += milliseconds;
    expected.busy += (busy * milliseconds) / 1000;
    expected.starting += (starting * milliseconds) / 1000;
    expected.idle += (spare * milliseconds) / 1000;
  }
  const text = await metrics.text();
  const seriesValue = (series: string) =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(series))
        ?.split(" ")[1],
    );
  expect(seriesValue('millrace_device_busy_seconds_total{device="cpu"}')).toBeCloseTo(expected.busy, 6);
  const idle = 'millrace_device_idle_seconds_total{device="cpu",reason=';
  expect(seriesValue(`${idle}"starting"}`)).toBeCloseTo(expected.starting, 6);
  expect(seriesValue(`${idle}"no_input"}`)).toBeCloseTo(expected.idle, 6);
});
