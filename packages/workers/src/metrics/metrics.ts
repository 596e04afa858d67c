import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type MetricFacts, type MetricName, metricTable } from "../metrics.js";

type Named<Type extends MetricFacts["type"]> = {
  [Name in MetricName]: (typeof metricTable)[Name]["type"] extends Type ? Name : never;
}[MetricName];

/** A value for each of a metric's labels, of those it can have. */
export type LabelsOf<Name extends MetricName> = {
  readonly [Label in keyof (typeof metricTable)[Name]["labels"]]: (typeof metricTable)[Name]["labels"][Label] extends readonly (infer Value)[]
    ? Value
    : string;
};

/** The metrics of this process: only those of the table, only with its labels. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly counters = new Map<string, Counter>();
  private readonly gauges = new Map<string, Gauge>();
  private readonly histograms = new Map<string, Histogram>();
  private readonly collectors: (() => unknown)[] = [];

  constructor() {
    for (const [name, facts] of Object.entries<MetricFacts>(metricTable)) this.register(name, facts);
  }

  /** Adds to a counter. */
  count<Name extends Named<"counter">>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    if (by > 0) this.counters.get(name)?.inc(labels as Record<string, string>, by);
  }

  set<Name extends Named<"gauge">>(name: Name, labels: LabelsOf<Name>, value: number): void {
    this.gauges.get(name)?.set(labels as Record<string, string>, value);
  }

  /** Adds to a gauge; a negative number takes away. */
  add<Name extends Named<"gauge">>(name: Name, labels: LabelsOf<Name>, by: number): void {
    this.gauges.get(name)?.inc(labels as Record<string, string>, by);
  }

  observe<Name extends Named<"histogram">>(name: Name, labels: LabelsOf<Name>, value: number): void {
    this.histograms.get(name)?.observe(labels as Record<string, string>, value);
  }

  /** Has something measured each time that the metrics are read; a promise is awaited. */
  beforeRead(collect: () => unknown): void {
    this.collectors.push(collect);
  }

  /** All metrics in Prometheus' text format. */
  async text(): Promise<string> {
    for (const collect of this.collectors) await collect();
    return this.registry.metrics();
  }

  /** Of that format. */
  get contentType(): string {
    return this.registry.contentType;
  }

  private register(name: string, { type, help, labels, buckets = [] }: MetricFacts): void {
    const options = { name, help, labelNames: Object.keys(labels), registers: [this.registry] };
    const combinations = combine(labels);
    if (type === "counter") {
      const counter = new Counter(options);
      for (const values of combinations) counter.inc(values, 0);
      this.counters.set(name, counter);
    } else if (type === "gauge") {
      const gauge = new Gauge(options);
      for (const values of combinations) gauge.set(values, 0);
      this.gauges.set(name, gauge);
    } else {
      const histogram = new Histogram({ ...options, buckets: [...buckets] });
      for (const values of combinations) histogram.zero(values);
      this.histograms.set(name, histogram);
    }
  }
}

/** Every combination of values of closed labels; none where a label's values are not known beforehand. */
function combine(labels: MetricFacts["labels"]): readonly Record<string, string>[] {
  return Object.entries(labels).reduce<readonly Record<string, string>[]>(
    (combinations, [label, values]) =>
      values === "any"
        ? []
        : combinations.flatMap((combination) => values.map((value) => ({ ...combination, [label]: value }))),
    [{}],
  );
}
