/** Counters each fault goes into one of; what other counters say with `outcome` is of the same work. */
const faultCounters =
  /^millrace_((?:errors|quarantined_rows|steps_cancelled|objects_changed_while_read|host_restarts|sink_retries)_total(?:\{.*\})?) (\d+)$/gm;

/** Those of them that are not 0, in metrics as Prometheus reads them: `errors_total{code="E_STORE"}` → 1. */
export function faultsIn(metrics: string): Readonly<Record<string, number>> {
  const counted = [...metrics.matchAll(faultCounters)].map(([, name, count]) => [name, Number(count)] as const);
  return Object.fromEntries(counted.filter(([, count]) => count > 0));
}
