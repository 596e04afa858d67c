import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { prometheusFolder } from "../../scripts/bring-services.mjs";
import { freePorts, TestServer } from "./server.ts";

/** Prometheus or its tool, or undefined where it could not be brought: tests then skip. */
export function prometheusProgram(name: "prometheus" | "promtool"): string | undefined {
  const path = join(prometheusFolder(), name);
  return existsSync(path) ? path : undefined;
}

/** A value of one series, and its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus {
  readonly server: TestServer;
  /** What an expression comes to now. @throws where it cannot be parsed */
  query(expression: string): Promise<readonly Sample[]>;
}

export interface PrometheusOptions {
  readonly folder: string;
  /** Addresses to scrape, every second. */
  readonly targets: readonly string[];
  /** Files of rules. */
  readonly rules?: readonly string[];
}

/** Starts a real Prometheus and waits until it has scraped each target. */
export async function startPrometheus(
  program: string,
  { folder, targets, rules = [] }: PrometheusOptions,
): Promise<Prometheus> {
  const [port] = await freePorts(1);
  const config = join(folder, "prometheus.json");
  // YAML is a superset of JSON.
  const scraping = [{ job_name: "millrace", static_configs: [{ targets }] }];
  const intervals = { scrape_interval: "1s", evaluation_interval: "1s" };
  await writeFile(config, JSON.stringify({ global: intervals, scrape_configs: scraping, rule_files: rules }));
  const url = `http://127.0.0.1:${port}`;
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "prometheus")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const isReady = async () => (await fetch(`${url}/-/ready`)).ok;
  const server = new TestServer({ program, args, isReady });
  await server.start();
  const query = (expression: string) => ask(url, expression);
  for (let up = 0; up < targets.length; await delay(200)) up = (await query("up == 1")).length;
  return { server, query };
}

async function ask(url: string, expression: string): Promise<readonly Sample[]> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const answer = (await response.json()) as Answer;
  if (answer.data === undefined) throw new Error(`${expression}: ${answer.error}`);
  return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
}

interface Answer {
  readonly error?: string;
  readonly data?: { readonly result: readonly { metric: Record<string, string>; value: readonly [number, string] }[] };
}
