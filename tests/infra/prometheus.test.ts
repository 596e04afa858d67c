import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { type MetricFacts, metricTable } from "@millrace/workers";
import { dashboardFiles } from "../../infra/grafana/generate.mjs";
import { prometheusProgram } from "../services/prometheus-server.ts";
import { committedDashboards, dashboardQueries } from "../support/dashboards.ts";

const folder = fileURLToPath(new URL("../../infra/prometheus/", import.meta.url));
const promtool = prometheusProgram("promtool");
if (promtool === undefined) process.stderr.write("skipped: no promtool could be brought\n");

/** Every name of a series that a metric has. */
const series = new Set(
  Object.entries<MetricFacts>(metricTable).flatMap(([name, { type }]) =>
    type === "histogram" ? ["_bucket", "_sum", "_count"].map((part) => `${name}${part}`) : [name],
  ),
);

function unknownSeries(text: string): readonly string[] {
  return (text.match(/\bmillrace_\w+/g) ?? []).filter((name) => !series.has(name));
}

test("the committed dashboards are what their sources say", async () => {
  expect(await committedDashboards()).toEqual(new Map([...dashboardFiles()].sort(([a], [b]) => (a < b ? -1 : 1))));
});

test("dashboards and rules name metrics that exist", async () => {
  const queries = await dashboardQueries();
  expect(queries.length).toBeGreaterThan(30);
  expect(queries.filter(({ expr }) => unknownSeries(expr).length > 0)).toEqual([]);
  for (const file of ["rules.yaml", "rules.test.yaml"])
    expect(unknownSeries(await readFile(`${folder}${file}`, "utf8"))).toEqual([]);
});

test("each alert has a test that fires it, and a paragraph that says what to do", async () => {
  const alerts = namesIn(await readFile(`${folder}rules.yaml`, "utf8"), /- alert: (\w+)/g);
  const tests = await readFile(`${folder}rules.test.yaml`, "utf8");
  const fired = namesIn(tests, /alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels/g);
  const explained = namesIn(await readFile(`${folder}RUNBOOK.md`, "utf8"), /^\*\*(\w+)\.\*\*/gm);
  expect(alerts.length).toBeGreaterThan(5);
  expect([...new Set(fired)].sort()).toEqual([...alerts].sort());
  expect(explained).toEqual(alerts);
});

(promtool === undefined ? describe.skip : describe)("promtool", () => {
  test.each([
    ["finds the rules right", ["check", "rules", "rules.yaml"]],
    ["finds the configuration right", ["check", "config", "prometheus.yaml"]],
    ["sees each alert fire on what it is for", ["test", "rules", "rules.test.yaml"]],
  ])("%s", (_, args) => {
    const { status, stdout, stderr } = spawnSync(promtool as string, args, { cwd: folder, encoding: "utf8" });
    expect({ status, said: status === 0 ? "" : `${stdout}${stderr}` }).toEqual({ status: 0, said: "" });
  });
});

function namesIn(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([, name = ""]) => name);
}
