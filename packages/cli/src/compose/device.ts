import { resolve } from "node:path";
import {
  type Device,
  type DeviceKind,
  type EngineFacts,
  MillraceError,
  type Precision,
  type PrecisionChoice,
  parseDevice,
} from "@millrace/core";
import {
  type DeviceSearch,
  engineFacts,
  type GpuRuntime,
  installProvider,
  prepareDevice,
  type ReadyDevice,
  type WorkLimits,
  withBatchSize,
} from "@millrace/workers";
import type { Settings } from "../config/settings.js";

/** The device that the settings name. @throws E_CONFIG */
export function deviceOf({ device }: Pick<Settings, "device">): Device {
  const parsed = parseDevice(device);
  if (parsed !== undefined) return parsed;
  throw new MillraceError("E_CONFIG", `the device ${device} is not known`, { fix: "Name each GPU once: cuda:0,1." });
}

/** Where jobs for this device are queued. */
export function deviceKind(settings: Pick<Settings, "device">): DeviceKind {
  return deviceOf(settings).kind;
}

/** The precision that was asked for, else what suits the device, as `auto` does on a GPU. */
export function precisionOf({ precision, device }: Pick<Settings, "precision" | "device">): PrecisionChoice {
  const isGpu = deviceKind({ device }) === "cuda";
  if (isGpu && (precision === undefined || precision === "auto")) return "fp16";
  return precision ?? "fp32";
}

/** @throws E_CONFIG where graphs of this precision are not written for the device */
export function checkPrecision(precision: Precision, settings: Pick<Settings, "device">): void {
  if (precision === "fp16" || deviceKind(settings) !== "cuda") return;
  throw new MillraceError("E_CONFIG", `${settings.device} computes in fp16 only`, {
    why: `the precision is ${precision}, whose graphs are written for a processor`,
    fix: "Use --device cpu, or --precision fp16.",
  });
}

/** The device, ready to be used by hosts. @throws E_DEVICE naming what is missing */
export function readyDevice(settings: Settings): Promise<ReadyDevice> {
  return prepareDevice(deviceOf(settings), deviceSearch(settings));
}

/** What would run a model, as results name it. */
export function engineOf(settings: Pick<Settings, "device">): EngineFacts {
  return engineFacts(deviceOf(settings));
}

/** Hosts that are to have work at once, and one batch more on GPUs, which is read and written meanwhile. */
export function hostsAtWork(settings: Pick<Settings, "device" | "hosts">): number {
  const device = deviceOf(settings);
  return device.kind === "cpu" ? settings.hosts : device.gpus.length * (settings.hosts || 1) + 1;
}

/** Where a GPU's libraries are looked for. */
export function deviceSearch({ cacheDirectory, python }: Settings): DeviceSearch {
  return { cacheDirectory: resolve(cacheDirectory), python };
}

/** A GPU does in seconds what takes a core ten; larger batches hold more rows of each length. */
const chunksInBatch: Readonly<Record<DeviceKind, number>> = { cpu: 1_024, cuda: 8_192 };
const timesLarger = 8;

/** The limits for the device, with the batch size that was asked for. */
export function workLimitsFor(settings: Settings, limits: WorkLimits): WorkLimits {
  const kind = deviceKind(settings);
  const { shard, part, batch } = limits;
  const scaled: WorkLimits = {
    ...limits,
    shard: { objects: shard.objects * timesLarger, bytes: shard.bytes * timesLarger },
    part: { documents: part.documents * timesLarger, tokens: part.tokens * timesLarger },
    batch: { ...batch, tokens: batch.tokens * timesLarger * 2 },
  };
  return withBatchSize(kind === "cuda" ? scaled : limits, settings.batchSize ?? chunksInBatch[kind]);
}

/** Brings ONNX Runtime's CUDA provider. */
export function installGpu(settings: Settings, say: (line: string) => void, stop: AbortSignal): Promise<GpuRuntime> {
  const { cacheDirectory, python, from, offline } = settings;
  return installProvider({
    cacheDirectory: resolve(cacheDirectory),
    python,
    ...(from !== undefined && { from: resolve(from) }),
    isOffline: offline,
    report: say,
    signal: stop,
  });
}
