import type { StoreSchema } from "@millrace/core";
import type { ModelStoreOptions } from "../models/model.js";
import { findBindings } from "./bindings.js";
import { findCpu, findDisk, findMemory, findNode, findOpenFiles } from "./machine.js";
import { findHub, findModelFiles, findPip, findStore } from "./surroundings.js";

/** What one check found. `fix` says what to do about anything but `ok`. */
export interface Finding {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly fix?: string;
}

export interface DiagnoseOptions {
  /** Where the store, the work folder and the cache are or will be. */
  readonly folders: readonly string[];
  readonly model: string;
  readonly modelStore: ModelStoreOptions;
  /** The store, where there is one: the slice of a Searcher that is looked at. */
  readonly store?: { readonly location: string; schema(): Promise<StoreSchema> };
}

/** Looks at everything a run needs, changes nothing, and never throws. Takes a few seconds. */
export async function diagnose(options: DiagnoseOptions): Promise<readonly Finding[]> {
  const { folders, model, modelStore, store } = options;
  const findings = await Promise.all([
    findNode(process.versions.node),
    findCpu(),
    findMemory(),
    ...[...new Set(folders)].map(findDisk),
    findOpenFiles(),
    ...findBindings(),
    findPip(modelStore.python),
    findModelFiles(model, modelStore),
    findHub(modelStore),
    findStore(store),
  ]);
  return findings;
}
