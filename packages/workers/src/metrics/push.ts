import { MillraceError } from "@millrace/core";
import type { Metrics } from "./metrics.js";

const timeoutMilliseconds = 10_000;

/**
 * Hands the metrics of a process that ends to a Pushgateway, in place of those it had under the same job before: PUT
 * `<url>/metrics/job/<job>`. @throws E_UNREACHABLE
 */
export async function pushMetrics(metrics: Metrics, { url, job }: { url: string; job: string }): Promise<void> {
  const place = `${url.replace(/\/+$/, "")}/metrics/job/${encodeURIComponent(job)}`;
  const body = await metrics.text();
  const headers = { "content-type": metrics.contentType };
  try {
    const response = await fetch(place, {
      method: "PUT",
      headers,
      body,
      signal: AbortSignal.timeout(timeoutMilliseconds),
    });
    if (!response.ok) throw new Error(`HTTP ${response.status} ${(await response.text()).slice(0, 200)}`);
  } catch (cause) {
    // fetch says "fetch failed" and keeps the reason as its cause.
    const { message, cause: reason } = cause as Error & { readonly cause?: Error };
    throw new MillraceError("E_UNREACHABLE", `metrics could not be pushed to ${place}`, {
      why: reason?.message ?? message,
      fix: "The job itself is done; check the Pushgateway.",
      cause,
    });
  }
}
