import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../infra/grafana/dashboards/", import.meta.url));

/** A query of a panel, with Grafana's variables as they stand in the file. */
export interface PanelQuery {
  readonly dashboard: string;
  readonly panel: string;
  readonly expr: string;
}

interface Panel {
  readonly title?: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly panels?: readonly Panel[];
}

/** The committed dashboards' files, by name. */
export async function committedDashboards(): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(folder)).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(`${folder}${name}`, "utf8")] as const)),
  );
}

/** Every query of every panel. */
export async function dashboardQueries(): Promise<readonly PanelQuery[]> {
  const queriesOf = (dashboard: string, panels: readonly Panel[]): readonly PanelQuery[] =>
    panels.flatMap(({ title = "", targets = [], panels: inner = [] }) => [
      ...targets.map(({ expr }) => ({ dashboard, panel: title, expr })),
      ...queriesOf(dashboard, inner),
    ]);
  return [...(await committedDashboards())].flatMap(([name, text]) =>
    queriesOf(name, (JSON.parse(text) as { panels: readonly Panel[] }).panels),
  );
}

/** A query as Grafana would send it, for all processes and a short time. */
export function resolved(expr: string): string {
  return expr
    .replaceAll("$__rate_interval", "10s")
    .replaceAll("$__range", "1m")
    .replaceAll("$instance", ".*")
    .replaceAll("$price", "0.2");
}
