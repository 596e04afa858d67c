import { TextBoxVariableBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import { distribution, lines, list, newDashboard, number, quantiles, rate, row } from "./panels.mjs";

const here = 'instance=~"$instance"';

/** How fast jobs go, what holds them up, and what they cost. */
export const throughput = newDashboard({
  uid: "millrace-throughput",
  title: "millrace · Throughput",
  description: "How fast jobs go, which stage holds them up, and what they cost.",
})
  .withVariable(costVariable())
  .withRow(row("Now"))
  .withPanel(
    number({
      title: "Rows a second",
      description: "Points that stores acknowledge.",
      unit: "short",
      queries: [{ expr: rate(`millrace_stage_rows_total{stage="write",${here}}`) }],
    }),
  )
  .withPanel(
    number({
      title: "Tokens a second",
      description: "Tokens that engines compute, padding left out.",
      unit: "short",
      queries: [{ expr: rate(`millrace_tokens_total{kind="real",${here}}`) }],
    }),
  )
  .withPanel(
    number({
      title: "Devices busy",
      description: "Share of their time that lanes of devices have a run.",
      unit: "percentunit",
      queries: [
        {
          expr: `${rate(`millrace_device_busy_seconds_total{${here}}`)} / sum(millrace_device_lanes{${here}})`,
        },
      ],
    }),
  )
  .withPanel(
    number({
      title: "Progress",
      description: "Of jobs that a command works off by itself; `millrace jobs watch` shows that of a fleet's.",
      unit: "percentunit",
      queries: [{ expr: `max(millrace_job_progress_ratio{${here}})` }],
    }),
  )
  .withPanel(
    number({
      title: "Time left",
      description: "To jobs that a command works off by itself, by the slower of their paces.",
      unit: "s",
      queries: [{ expr: `max(millrace_job_remaining_seconds{${here}})` }],
    }),
  )
  .withPanel(
    number({
      title: "In quarantine",
      description: "Rows, chunks and objects that could not be read or encoded in the time that is shown.",
      unit: "short",
      queries: [{ expr: `sum(increase(millrace_quarantined_rows_total{${here}}[$__range]))` }],
    }),
  )
  .withPanel(
    number({
      title: "Dollars for a million tokens",
      description: "Machines' price an hour, as chosen above, times processes that encode, over what they encode.",
      unit: "currencyUSD",
      queries: [
        {
          expr: `$price * count(millrace_device_lanes{${here}}) / 3600 / (${rate(`millrace_tokens_total{kind="real",${here}}`)} > 0) * 1e6 or vector(0)`,
        },
      ],
    }),
  )
  .withRow(row("Stages"))
  .withPanel(
    lines({
      title: "Rows by stage",
      description:
        "The stage with the lowest rate is the bottleneck: split reads and chunks, encode computes, write upserts.",
      unit: "short",
      queries: [{ expr: rate(`millrace_stage_rows_total{stage!="plan",${here}}`, "stage"), legend: "{{stage}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Tokens, real and padding",
      description: "Rows of equal length run together, so that padding should be nothing.",
      unit: "short",
      isStacked: true,
      queries: [{ expr: rate(`millrace_tokens_total{${here}}`, "kind"), legend: "{{kind}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Steps under way",
      description: "What is begun and not done, by stage.",
      unit: "short",
      queries: [{ expr: `sum by (stage) (millrace_stage_running{${here}})`, legend: "{{stage}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Time of a step, p95",
      description: "One call of a step: a shard's split or write, some batches' encoding.",
      unit: "s",
      queries: [
        {
          expr: `histogram_quantile(0.95, ${rate(`millrace_stage_duration_seconds_bucket{${here}}`, "le, stage")})`,
          legend: "{{stage}}",
        },
      ],
    }),
  )
  .withRow(row("Generation"))
  .withPanel(
    lines({
      title: "Tokens of prompts and answers",
      description:
        "What is read is less than the prompts have where they begin alike: their common beginning is read once.",
      unit: "short",
      queries: [{ expr: rate(`millrace_generator_tokens_total{${here}}`, "kind"), legend: "{{kind}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Prompts done with",
      description: "Answered, or put into the output with the reason why not.",
      unit: "short",
      queries: [{ expr: rate(`millrace_prompts_total{${here}}`, "outcome"), legend: "{{outcome}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Answers by how they end",
      description: "Many that end at the longest that is allowed may be cut short: raise --max-new-tokens.",
      unit: "short",
      queries: [{ expr: rate(`millrace_answers_total{${here}}`, "outcome"), legend: "{{outcome}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Rows in a run, answers asked for",
      description: "Runs with few rows while many are asked for are short of memory, see below, or of --batch-rows.",
      unit: "short",
      queries: [
        { expr: `sum(millrace_generator_rows{${here}})`, legend: "rows in a run" },
        { expr: `sum(millrace_generator_requests{${here}})`, legend: "asked for" },
      ],
    }),
  )
  .withPanel(
    lines({
      title: "Memory of keys and values",
      description: "What answers under way take, and what --kv-memory or half of what was free lets them take.",
      unit: "bytes",
      queries: [{ expr: `sum by (kind) (millrace_generator_cache_bytes{${here}})`, legend: "{{kind}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Time of a run, p95",
      description: "`decode` gives each row a token, `prefill` reads a piece of a prompt and makes the others wait.",
      unit: "s",
      queries: [
        {
          expr: `histogram_quantile(0.95, ${rate(`millrace_generator_run_duration_seconds_bucket{${here}}`, "le, kind")})`,
          legend: "{{kind}}",
        },
      ],
    }),
  )
  .withPanel(
    lines({
      title: "Time of an answer",
      description: "From asking for it, waiting for a place among the rows included.",
      unit: "s",
      queries: quantiles("millrace_answer_duration_seconds", here),
    }),
  )
  .withRow(row("Store"))
  .withPanel(
    lines({
      title: "Points",
      description: "Acknowledged by the store.",
      unit: "short",
      queries: [{ expr: rate(`millrace_sink_points_total{${here}}`, "operation"), legend: "{{operation}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Time of a call",
      description: "Upserts, retries included.",
      unit: "s",
      queries: quantiles("millrace_sink_call_duration_seconds", `operation="upsert",${here}`),
    }),
  )
  .withPanel(
    lines({
      title: "Retries by reason",
      description: "Requests that were repeated. `no_answer` is the network or a server that restarts.",
      unit: "short",
      queries: [{ expr: rate(`millrace_sink_retries_total{${here}}`, "reason"), legend: "{{reason}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Calls that failed",
      description: "After all their retries, by the store's driver.",
      unit: "short",
      queries: [{ expr: rate(`millrace_sink_calls_total{outcome="failed",${here}}`, "driver"), legend: "{{driver}}" }],
    }),
  )
  .withRow(row("What went wrong"))
  .withPanel(
    lines({
      title: "Errors by code",
      description: "Steps that failed. Most are tried again; `millrace jobs show` says which are not.",
      unit: "short",
      queries: [{ expr: `${rate(`millrace_errors_total{${here}}`, "code")} > 0 or vector(0)`, legend: "{{code}}" }],
    }),
  )
  .withPanel(
    list({
      title: "Quarantine by code",
      description: "What was put aside in the time that is shown; `millrace retry` takes it up again.",
      unit: "short",
      queries: [
        { expr: `sum by (code) (increase(millrace_quarantined_rows_total{${here}}[$__range])) > 0 or vector(0)` },
      ],
    }),
  )
  .withRow(row("Freshness"))
  .withPanel(
    lines({
      title: "Age of the oldest change not yet committed",
      description: "By job; none where nothing waits.",
      unit: "s",
      queries: [
        {
          expr: "time() - max by (job_id) (millrace_corpus_oldest_change_timestamp_seconds > 0) or vector(0)",
          legend: "{{job_id}}",
        },
      ],
    }),
  )
  .withPanel(
    lines({
      title: "Since a job was last committed",
      description: "Grows between two runs of a schedule, and starts again at 0.",
      unit: "s",
      queries: [
        {
          expr: "time() - max by (job_id) (millrace_job_last_success_timestamp_seconds)",
          legend: "{{job_id}}",
        },
      ],
    }),
  )
  .withPanel(
    distribution({
      title: "Tokens of a run",
      description: "Small runs on a GPU are a sign of small batches: raise --batch-size.",
      unit: "short",
      queries: [{ expr: rate(`millrace_engine_run_tokens_bucket{${here}}`, "le"), legend: "{{le}}" }],
    }),
  )
  .withPanel(
    lines({
      title: "Documents and chunks",
      description: "What was read, what of it was known already, and what vectors were made anew.",
      unit: "short",
      queries: [
        { expr: rate(`millrace_documents_total{${here}}`, "outcome"), legend: "documents {{outcome}}" },
        { expr: rate(`millrace_chunks_total{${here}}`, "outcome"), legend: "chunks {{outcome}}" },
      ],
    }),
  );

function costVariable() {
  return new TextBoxVariableBuilder("price").label("Dollars an hour for a process's machine").defaultValue("0.2");
}
