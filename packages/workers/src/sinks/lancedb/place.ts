import { existsSync } from "node:fs";
import { join } from "node:path";
import type { StoreFolder } from "../store-file.js";

/** Name of the table; the folder may hold others that are not ours. */
export const pointsTable = "points";

/** False before the first `open`, and where somebody deleted the table. */
export function hasTable(folder: string): boolean {
  return existsSync(join(folder, `${pointsTable}.lance`));
}

/** The folder as one that LanceDB keeps. */
export function lanceFolder(folder: string): StoreFolder {
  return { folder, driver: "lancedb" };
}
