import { existsSync } from "node:fs";
import { join } from "node:path";
import type { StoreFolder } from "../store-file.js";

/** A generation's folder, and its name where it is not the live one that is meant. */
export interface LancePlace {
  readonly folder: string;
  readonly generation?: string | undefined;
}

/** Where LanceDB keeps a table; the folder may hold others that are not ours. */
export function tablePath(folder: string, table: string): string {
  return join(folder, `${table}.lance`);
}

/** False before the first `open`, and where somebody deleted the table. */
export function hasTable(folder: string, table: string): boolean {
  return existsSync(tablePath(folder, table));
}

/** The folder as one that LanceDB keeps. */
export function lanceFolder(folder: string): StoreFolder {
  return { folder, driver: "lancedb" };
}
