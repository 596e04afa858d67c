import { createRequire } from "node:module";
import { MillraceError } from "@millrace/core";

/** LanceDB with the very copy of apache-arrow it loads itself: it does not take tables that another copy built. */
export interface Vendor {
  readonly lancedb: typeof import("@lancedb/lancedb");
  readonly arrow: typeof import("apache-arrow");
}

let vendor: Vendor | undefined;

/** Loads LanceDB on first use: that takes 0.2 s and 60 MB. @throws E_RUNTIME when there is no build for this machine. */
export function loadVendor(): Vendor {
  if (vendor !== undefined) return vendor;
  try {
    const require = createRequire(import.meta.url);
    const requireOfLance = createRequire(require.resolve("@lancedb/lancedb"));
    vendor = { lancedb: require("@lancedb/lancedb"), arrow: requireOfLance("apache-arrow") };
    return vendor;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const fix = "Install millrace again with optional packages, or use a jsonl: or parquet: store";
    throw new MillraceError("E_RUNTIME", "LanceDB cannot be loaded", { why, fix, cause: error });
  }
}
