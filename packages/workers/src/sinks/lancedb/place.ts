import type { StoreFolder } from "../store-file.js";

/** Name of the table; the folder may hold others that are not ours. */
export const pointsTable = "points";

/** The folder as one that LanceDB keeps. */
export function lanceFolder(folder: string): StoreFolder {
  return { folder, driver: "lancedb" };
}
