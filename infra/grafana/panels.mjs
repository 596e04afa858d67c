import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

/**
 * @typedef {object} Query
 * @property {string} expr In PromQL; `$instance` and `$__rate_interval` stand for what is chosen.
 * @property {string} [legend] With labels as `{{stage}}`.
 *
 * @typedef {object} PanelFacts
 * @property {string} title
 * @property {string} description What it says, and what to do when it looks wrong.
 * @property {string} unit As Grafana names it: `s`, `percentunit`, `short`.
 * @property {readonly Query[]} queries
 * @property {number} [span] Of 24 columns.
 */

/** The data source that is chosen at the top of each dashboard. */
const source = { type: "prometheus", uid: "$datasource" };

/** A dashboard with what all of them have. @param {{ uid: string, title: string, description: string }} facts */
export function newDashboard({ uid, title, description }) {
  const instances = new dashboard.QueryVariableBuilder("instance")
    .label("Process")
    .datasource(source)
    .query("label_values(millrace_build_info, instance)")
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue(".*");
  return new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(["millrace"])
    .timezone("browser")
    .refresh("10s")
    .time({ from: "now-1h", to: "now" })
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(new dashboard.DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"))
    .withVariable(instances);
}

/** @param {string} title */
export const row = (title) => new dashboard.RowBuilder(title);

/** Lines over time. @param {PanelFacts & { isStacked?: boolean, maximum?: number }} facts */
export function lines({ isStacked = false, maximum, ...facts }) {
  const panel = new timeseries.PanelBuilder()
    .lineWidth(1)
    .fillOpacity(isStacked ? 40 : 8)
    .showPoints(common.VisibilityMode.Never)
    .min(0)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    );
  if (isStacked) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
  if (maximum !== undefined) panel.max(maximum);
  return filled(panel, { span: 12, ...facts }, 8);
}

/** One number now. @param {PanelFacts} facts */
export function number(facts) {
  const panel = new stat.PanelBuilder()
    .graphMode(common.BigValueGraphMode.Area)
    .colorMode(common.BigValueColorMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]));
  return filled(panel, { span: 4, ...facts }, 4);
}

/** A histogram over time. @param {PanelFacts} facts */
export function distribution(facts) {
  const panel = new heatmap.PanelBuilder().calculate(false).yAxis(new heatmap.YAxisConfigBuilder().unit(facts.unit));
  return filled(panel, { span: 12, ...facts }, 8, "heatmap");
}

/** Values now, a row for each. @param {PanelFacts} facts */
export function list(facts) {
  return filled(new table.PanelBuilder(), { span: 12, ...facts }, 8, "table");
}

/**
 * @template {timeseries.PanelBuilder | stat.PanelBuilder | heatmap.PanelBuilder | table.PanelBuilder} Panel
 * @param {Panel} panel
 * @param {PanelFacts} facts
 * @param {number} height
 * @param {"heatmap" | "table"} [format]
 */
function filled(panel, { title, description, unit, queries, span = 12 }, height, format) {
  panel.title(title).description(description).datasource(source).unit(unit).span(span).height(height);
  for (const [index, { expr, legend }] of queries.entries()) {
    const query = new prometheus.DataqueryBuilder()
      .expr(expr)
      .refId(String.fromCharCode(65 + index))
      .datasource(source);
    if (legend !== undefined) query.legendFormat(legend);
    if (format === "heatmap") query.format(prometheus.PromQueryFormat.Heatmap).range();
    else if (format === "table") query.format(prometheus.PromQueryFormat.Table).instant();
    else query.range();
    panel.withTarget(query);
  }
  return panel;
}

/** The rate of a counter, summed over what is not named. @param {string} series @param {string} [by] */
export function rate(series, by) {
  return `sum${by === undefined ? "" : ` by (${by})`} (rate(${series}[$__rate_interval]))`;
}

/** Quantiles of a histogram. @param {string} name @param {string} matchers @param {string} [by] @returns {Query[]} */
export function quantiles(name, matchers, by) {
  return [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, ${rate(`${name}_bucket{${matchers}}`, by === undefined ? "le" : `le, ${by}`)})`,
    legend: `${by === undefined ? "" : `{{${by}}} `}p${quantile * 100}`,
  }));
}
