import { randomUUID } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "@millrace/core";
import type { InstalledModel, ModelFile, ModelOrigin } from "./model.js";
import { type ModelRecord, readRecord, recordName, writeRecord } from "./record.js";
import { moveIntoPlace } from "./staging.js";

/** Puts `<staging>/model` with its record in the store, at once, and removes the staging folder. */
export async function installModel(
  staging: string,
  modelsDirectory: string,
  record: Omit<ModelRecord, "directory">,
): Promise<InstalledModel> {
  const finished = join(staging, "model");
  const directory = folderOf(modelsDirectory, record.origin);
  await writeRecord(join(finished, recordName), record);
  await moveIntoPlace(finished, directory);
  await rm(staging, { recursive: true, force: true });
  return asInstalled({ ...record, directory });
}

/** The model of this origin where it is there already; notes that it is also what `requested` leads to. */
export async function findInstalled(
  modelsDirectory: string,
  origin: ModelOrigin,
  requested: readonly string[],
): Promise<InstalledModel | undefined> {
  const directory = folderOf(modelsDirectory, origin);
  const record = await readRecord(directory);
  if (record === undefined) return undefined;
  const names = [...new Set([...record.requested, ...requested])];
  if (names.length > record.requested.length) await replaceRecord(directory, { ...record, requested: names });
  return asInstalled(record);
}

/** A record without what only the store needs to know. */
export function asInstalled({ name, directory, origin, license, files }: ModelRecord): InstalledModel {
  return { name, directory, origin, ...(license && { license }), files };
}

/** @throws E_MODEL_DIGEST when a pinned weight file is missing or another one. */
export function checkWeights(
  model: string,
  files: readonly ModelFile[],
  weights: Readonly<Record<string, string>> = {},
): void {
  for (const [name, sha256] of Object.entries(weights)) {
    const found = files.find((file) => file.name === name)?.sha256 ?? "missing";
    if (found === sha256) continue;
    throw new MillraceError("E_MODEL_DIGEST", `${name} of ${model} is not the pinned file`, {
      why: `its sha256 is ${found}, pinned is ${sha256}`,
      fix: "Give a model directory that you trust",
    });
  }
}

/** Each model lies three levels deep: kind, reference, revision. */
function folderOf(modelsDirectory: string, { kind, reference, revision }: ModelOrigin): string {
  return join(modelsDirectory, kind, reference.replaceAll("/", "--"), revision ?? "");
}

async function replaceRecord(directory: string, record: ModelRecord): Promise<void> {
  const draft = join(directory, `.${randomUUID()}`);
  await writeRecord(draft, record);
  await rename(draft, join(directory, recordName));
}
