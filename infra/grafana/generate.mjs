import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { devices } from "./devices.mjs";
import { temporal } from "./temporal.mjs";
import { throughput } from "./throughput.mjs";

/** Each dashboard's file, with its content as Grafana reads it. @returns {ReadonlyMap<string, string>} */
export function dashboardFiles() {
  const named = Object.entries({ throughput, devices, temporal });
  return new Map(named.map(([name, builder]) => [`${name}.json`, `${JSON.stringify(builder.build(), null, 2)}\n`]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL("dashboards/", import.meta.url));
  await mkdir(folder, { recursive: true });
  for (const [name, content] of dashboardFiles()) await writeFile(`${folder}${name}`, content);
}
