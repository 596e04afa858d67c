import { type Running, start, tinyModel } from "./command-line.ts";
import { until } from "./processes.ts";

export interface FleetWorker extends Running {
  /** Batches whose encoding this worker has begun, as `shard/batch`, in order. */
  readonly begun: readonly string[];
  /** Where it serves metrics, if it does. */
  readonly metricsUrl: string | undefined;
}

export interface FleetWorkerOptions {
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly arguments?: readonly string[];
}

/** Starts a worker of the tiny model, or of another that is named, and waits until it takes work. */
export async function startFleetWorker(options: FleetWorkerOptions): Promise<FleetWorker> {
  const more = options.arguments ?? [];
  const running = await start(["worker", "--model", tinyModel, "--hosts", "1", "--json", ...more], options);
  const begun: string[] = [];
  let said = "";
  let rest = "";
  running.child.stderr?.on("data", (text: string) => {
    said += text;
  });
  running.child.stdout?.on("data", (text: string) => {
    const lines = `${rest}${text}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = JSON.parse(line) as { type: string; shard?: string; batch?: number };
      if (event.type === "encoding") begun.push(`${event.shard}/${event.batch}`);
    }
  });
  await until(() => said.includes("taking work") || running.child.exitCode !== null, "the worker", 90_000);
  if (running.child.exitCode !== null) throw new Error(`the worker ended: ${said}`);
  const [, metricsUrl] = /metrics at (http[^\s"]+)/.exec(said) ?? [];
  return { ...running, begun, metricsUrl };
}
