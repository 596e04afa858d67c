import type { StoreSchema } from "@millrace/core";
import type { DeviceSearch } from "../gpu/prepare.js";
import type { ModelStoreOptions } from "../models/model.js";
import type { ServerCheck } from "./server-check.js";

/** What one check found. `fix` says what to do about anything but `ok`. */
export interface Finding {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly fix?: string;
  /** What of it is a number or a version, for programs. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

export interface DiagnoseOptions {
  /** Where the store, the work folder and the cache are or will be. */
  readonly folders: readonly string[];
  readonly model: string;
  readonly modelStore: ModelStoreOptions;
  /** Of millrace. */
  readonly version: string;
  /** Those that the settings name. */
  readonly servers: readonly ServerCheck[];
  /** Where a GPU's libraries are looked for, where they are to be looked at. */
  readonly gpu?: DeviceSearch;
  /** The store, where there is one: the slice of a Searcher that is looked at. */
  readonly store?: { readonly location: string; schema(): Promise<StoreSchema> };
}
