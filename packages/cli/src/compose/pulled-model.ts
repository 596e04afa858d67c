import { type CompiledGenerator, type CompiledModel, isGenerator } from "@millrace/compiler";
import { type InstalledModel, pullModel } from "@millrace/workers";
import { encodeQueue, generateQueue } from "@millrace/workflows";
import type { Settings } from "../config/settings.js";
import { deviceKind } from "./device.js";
import { compileAt } from "./generator.js";
import { modelStore, openInstalled, type Say } from "./model.js";

/** A model that was brought here, and what it is compiled to. */
export type PulledModel = {
  readonly installed: InstalledModel;
  /** Where workers started with it and these settings take their work from. */
  readonly queue: string;
} & (
  | { readonly kind: "encoder"; readonly compiled: CompiledModel }
  | { readonly kind: "generator"; readonly compiled: CompiledGenerator }
);

/** Brings a model here, and compiles it for what it is. */
export async function bringModel(settings: Settings, reference: string, say: Say): Promise<PulledModel> {
  const installed = await pullModel(reference, modelStore(settings, say));
  const device = deviceKind(settings);
  if (await isGenerator(installed.directory)) {
    const { compiled } = await compileAt(settings, { reference, place: installed.directory });
    return { kind: "generator", installed, compiled, queue: generateQueue(compiled.graphDigest, device) };
  }
  const { compiled } = await openInstalled(settings, installed, say);
  const { graphDigest: graph, precision } = compiled;
  return { kind: "encoder", installed, compiled, queue: encodeQueue({ graph, precision }, device) };
}
