import { lines, newDashboard, number, rate, row } from "./panels.mjs";

const here = 'instance=~"$instance"';

/** What workers see of the Temporal server: whether steps wait for them, and whether they answer. */
export const temporal = newDashboard({
  uid: "millrace-temporal",
  title: "millrace · Temporal",
  description: "What workers see of the Temporal server: whether steps wait for them, and whether they answer.",
})
  .withRow(row("Queues"))
  .withPanel(
    lines({
      title: "Steps wait for a worker, p95",
      description:
        "From when the server has a step to do until a worker takes it: more workers of that queue make it less.",
      unit: "s",
      queries: [
        {
          expr: `histogram_quantile(0.95, ${rate(`temporal_activity_schedule_to_start_latency_seconds_bucket{${here}}`, "le, task_queue")})`,
          legend: "{{task_queue}}",
        },
      ],
    }),
  )
  .withPanel(
    lines({
      title: "Places for steps that are free",
      description: "At 0 a worker does all it may: raise --concurrency, or start another.",
      unit: "short",
      queries: [
        {
          expr: `sum by (task_queue, worker_type) (temporal_worker_task_slots_available{${here}})`,
          legend: "{{task_queue}} {{worker_type}}",
        },
      ],
    }),
  )
  .withRow(row("Steps"))
  .withPanel(
    lines({
      title: "Steps done",
      description: "By the name of the step.",
      unit: "short",
      queries: [
        {
          expr: rate(`temporal_activity_execution_latency_seconds_count{${here}}`, "activity_type"),
          legend: "{{activity_type}}",
        },
      ],
    }),
  )
  .withPanel(
    lines({
      title: "Time of a step, p95",
      description: "As the SDK measures it.",
      unit: "s",
      queries: [
        {
          expr: `histogram_quantile(0.95, ${rate(`temporal_activity_execution_latency_seconds_bucket{${here}}`, "le, activity_type")})`,
          legend: "{{activity_type}}",
        },
      ],
    }),
  )
  .withRow(row("Server"))
  .withPanel(
    lines({
      title: "Requests",
      description: "By operation.",
      unit: "short",
      queries: [{ expr: rate(`temporal_request_total{${here}}`, "operation"), legend: "{{operation}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Requests' time, p95",
      description: "Of those that do not wait for work.",
      unit: "s",
      queries: [
        {
          expr: `histogram_quantile(0.95, ${rate(`temporal_request_latency_seconds_bucket{${here}}`, "le, operation")})`,
          legend: "{{operation}}",
        },
      ],
    }),
  )
  .withPanel(
    lines({
      title: "Replay of a job's history, p95",
      description: "When another worker takes a job up. Jobs go on in a new history before it grows long.",
      unit: "s",
      queries: [
        {
          expr: `histogram_quantile(0.95, ${rate(`temporal_workflow_task_replay_latency_seconds_bucket{${here}}`, "le")})`,
          legend: "p95",
        },
      ],
    }),
  )
  .withPanel(
    number({
      title: "Jobs a worker remembers",
      description: "Those it need not replay.",
      unit: "short",
      span: 12,
      queries: [{ expr: `sum(temporal_sticky_cache_size{${here}})` }],
    }),
  );
