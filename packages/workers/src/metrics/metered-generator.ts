import { asMillraceError, type Generator } from "@millrace/core";
import type { GeneratorNote } from "../engines/generator/teller.js";
import { DeviceTime } from "./device-time.js";
import type { Metrics } from "./metrics.js";

/** Counts what is asked of a generator, and what its host tells. */
export class GeneratorMeter {
  private readonly time: DeviceTime;
  private asked = 0;
  /** Of the last run that gave each row a token. */
  private rows = 0;

  /** @param device as results name it @param now in milliseconds */
  constructor(
    private readonly metrics: Metrics,
    private readonly device: string,
    now?: () => number,
  ) {
    this.time = new DeviceTime(now);
    metrics.set("millrace_device_lanes", { device }, 1);
    metrics.beforeRead(() => this.change(0));
  }

  /** The same generator, what is asked of it counted. */
  metered(generator: Generator): Generator {
    const { metrics } = this;
    return {
      contextLength: generator.contextLength,
      engine: generator.engine,
      generate: async (request, signal) => {
        this.change(1);
        const startedAt = performance.now();
        try {
          const row = await generator.generate(request, signal);
          metrics.count("millrace_answers_total", { outcome: row.finishReason });
          metrics.count("millrace_generator_tokens_total", { kind: "prompt" }, request.promptIds.length);
          metrics.observe("millrace_answer_duration_seconds", {}, (performance.now() - startedAt) / 1000);
          return row;
        } catch (error) {
          metrics.count("millrace_answers_total", { outcome: signal?.aborted ? "cancelled" : outcomeOf(error) });
          throw error;
        } finally {
          this.change(-1);
        }
      },
      close: () => generator.close(),
    };
  }

  /** To be called with each note of the host. */
  note({ read, generated, runs, rows = 0, cacheBytes = 0 }: GeneratorNote): void {
    const { metrics, device } = this;
    metrics.count("millrace_generator_tokens_total", { kind: "read" }, read);
    metrics.count("millrace_generator_tokens_total", { kind: "generated" }, generated);
    metrics.set("millrace_generator_cache_bytes", { kind: "used" }, cacheBytes);
    this.rows = rows;
    for (const kind of ["prefill", "decode"] as const) {
      for (const seconds of runs?.[kind] ?? []) {
        metrics.observe("millrace_generator_run_duration_seconds", { kind }, seconds);
        metrics.count("millrace_device_busy_seconds_total", { device }, seconds);
      }
    }
  }

  /** How long the device is busy, the host tells: between two runs it is neither that nor idle. */
  private change(by: number): void {
    const { metrics, device } = this;
    this.asked += by;
    const { noInput } = this.time.change({ busy: Math.min(1, this.asked), starting: 0, all: 1 });
    metrics.count("millrace_device_idle_seconds_total", { device, reason: "no_input" }, noInput);
    metrics.set("millrace_generator_requests", {}, this.asked);
    metrics.set("millrace_generator_rows", {}, this.asked === 0 ? 0 : this.rows);
  }
}

function outcomeOf(error: unknown): "refused" | "failed" {
  const { code } = asMillraceError(error, "E_INTERNAL", "the generator failed");
  return code === "E_ROW_PROMPT" ? "refused" : "failed";
}
