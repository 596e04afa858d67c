import { distribution, lines, list, newDashboard, number, quantiles, rate, row } from "./panels.mjs";

const here = 'instance=~"$instance"';

/** What runs models: how busy it is, how long runs take and wait, and which models they are. */
export const devices = newDashboard({
  uid: "millrace-devices",
  title: "millrace · Devices and models",
  description: "What runs models: how busy it is, how long runs take and wait, and which models they are.",
})
  .withRow(row("Devices"))
  .withPanel(
    lines({
      title: "Busy, by device",
      description:
        "Share of the time that lanes have a run. A lane is a run at a time: one per core, or one per GPU host.",
      unit: "percentunit",
      maximum: 1,
      queries: [
        {
          expr: `sum by (instance, device) (rate(millrace_device_busy_seconds_total{${here}}[$__rate_interval])) / sum by (instance, device) (millrace_device_lanes{${here}})`,
          legend: "{{instance}} {{device}}",
        },
      ],
    }),
  )
  .withPanel(
    lines({
      title: "Idle lanes, by reason",
      description: "`no_input`: batches come too slowly. `starting`: a host loads its model, which it should do once.",
      unit: "short",
      isStacked: true,
      queries: [{ expr: rate(`millrace_device_idle_seconds_total{${here}}`, "reason"), legend: "{{reason}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Time of a run",
      description: "From its way to the host to its answer.",
      unit: "s",
      queries: quantiles("millrace_engine_run_duration_seconds", here),
    }),
  )
  .withPanel(
    lines({
      title: "Runs that wait, and for how long",
      description: "A queue that is never empty keeps the device busy; its wait is no loss.",
      unit: "short",
      queries: [
        { expr: `sum(millrace_engine_queue_depth{${here}})`, legend: "runs" },
        {
          expr: `histogram_quantile(0.5, ${rate(`millrace_engine_queue_wait_seconds_bucket{${here}}`, "le")})`,
          legend: "seconds, median",
        },
      ],
    }),
  )
  .withPanel(
    distribution({
      title: "Tokens of a run",
      description: "Runs hold rows of equal length, up to the token budget.",
      unit: "short",
      queries: [{ expr: rate(`millrace_engine_run_tokens_bucket{${here}}`, "le"), legend: "{{le}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Runs by how they ended",
      description: "`host_died`: done again; a row that does it each time goes to quarantine by itself.",
      unit: "short",
      queries: [{ expr: rate(`millrace_engine_runs_total{${here}}`, "outcome"), legend: "{{outcome}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "GPUs' memory",
      description: "As the driver tells: what all processes take of what there is.",
      unit: "percentunit",
      maximum: 1,
      queries: [
        {
          expr: `sum by (instance, device) (millrace_gpu_memory_bytes{kind="used",${here}}) / sum by (instance, device) (millrace_gpu_memory_bytes{kind="total",${here}}) or vector(0)`,
          legend: "{{instance}} {{device}}",
        },
      ],
    }),
  )
  .withPanel(
    lines({
      title: "GPUs at work, as the driver sees them",
      description: "Share of the time in which a kernel ran, whosever.",
      unit: "percentunit",
      maximum: 1,
      queries: [
        {
          expr: `max by (instance, device) (millrace_gpu_utilization_ratio{${here}}) or vector(0)`,
          legend: "{{instance}} {{device}}",
        },
      ],
    }),
  )
  .withPanel(
    lines({
      title: "GPUs' power",
      description: "What they draw.",
      unit: "watt",
      queries: [
        {
          expr: `max by (instance, device) (millrace_gpu_power_watts{${here}}) or vector(0)`,
          legend: "{{instance}} {{device}}",
        },
      ],
    }),
  )
  .withRow(row("Processes"))
  .withPanel(
    list({
      title: "Models that are loaded",
      description: "With the device and ONNX Runtime's provider that carry them out.",
      unit: "short",
      queries: [{ expr: `millrace_model_info{${here}}` }],
    }),
  )
  .withPanel(
    list({
      title: "Versions",
      description: "Of millrace and Node, by process.",
      unit: "short",
      queries: [{ expr: `millrace_build_info{${here}}` }],
    }),
  )
  .withPanel(
    lines({
      title: "Event loop's delay",
      description: "Above a second, a worker no longer answers Temporal in time.",
      unit: "s",
      queries: [
        {
          expr: `max by (instance) (millrace_event_loop_delay_seconds{at="p99",${here}})`,
          legend: "{{instance}}",
        },
      ],
    }),
  )
  .withPanel(
    number({
      title: "Hosts that ended unasked",
      description: "In the time that is shown. Each was replaced.",
      unit: "short",
      span: 12,
      queries: [
        { expr: `sum by (host) (increase(millrace_host_restarts_total{${here}}[$__range]))`, legend: "{{host}}" },
      ],
    }),
  );
