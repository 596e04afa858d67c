import { availableParallelism } from "node:os";
import {
  asMillraceError,
  type CancelSignal,
  type Device,
  type DeviceKind,
  deviceText,
  type Encoder,
  type EngineFacts,
  MillraceError,
  type TokenBatch,
} from "@millrace/core";
import type { ReadyDevice } from "../gpu/prepare.js";
import { type Host, startHost } from "../hosts/host.js";
import { bestBinding } from "./bindings.js";
import { type EncoderObserver, noObserver, type RunOutcome } from "./observer.js";
import type { GpuPlacement } from "./onnx-runtime.js";
import type { SessionOptions } from "./onnx-session.js";
import type { GraphPlace } from "./verified-graph.js";

/** A graph whose rows a pool runs. */
export interface PooledGraph extends GraphPlace {
  /** Floats in one row's vector; of a graph that judges tokens, in one token's logits. */
  readonly dimensions: number;
  readonly maxTokens: number;
  /** Whether the rows of a run leave each other's vectors alone. */
  readonly isRowIndependent: boolean;
}

export interface EncoderPoolOptions {
  readonly model: PooledGraph;
  /** By default the processor. */
  readonly device?: ReadyDevice;
  /**
   * Host processes with one lane each; 0 means a lane per core on as few copies of the weights as the binding allows. On
   * GPUs that many for each; 0 means one.
   */
  readonly hosts?: number;
  /** Runs each host computes at the same time; by default as `hosts` says. */
  readonly lanes?: number;
  /** Tokens one run holds; 0 means what `defaultTokenBudget` says. */
  readonly tokenBudget?: number;
  /** A run that takes longer than this counts as hung, and its host is killed. */
  readonly hangMilliseconds?: number;
  /** To compare with; see `SessionOptions`. */
  readonly optimization?: SessionOptions["optimization"];
  readonly onRestart?: (reason: string) => void;
  readonly observer?: EncoderObserver;
}

/**
 * 256–1,024 tokens keep a run's working set in a core's second-level cache; larger runs are slower. In fp32 and int8, with
 * 384 and 768 floats to a token and rows of 32 to 256 tokens, 512 is within 1.5 % of the best. A GPU needs many rows at once to be
 * busy.
 */
export const defaultTokenBudget: Readonly<Record<DeviceKind, number>> = { cpu: 512, cuda: 32_768 };

/** Tokens one run holds. One token is one row: where rows could change each other's vectors, a run has no second one. */
export function tokenBudgetOf({ model, tokenBudget, device }: EncoderPoolOptions): number {
  return model.isRowIndependent ? tokenBudget || defaultTokenBudget[device?.kind ?? "cpu"] : 1;
}

/** What stands for a device in results. */
export function engineFacts(device: Device): EngineFacts {
  return {
    device: deviceText(device),
    provider: device.kind === "cpu" ? "CPUExecutionProvider" : "CUDAExecutionProvider",
  };
}

const defaultHangMilliseconds = 120_000;
/** Besides those being computed, a run waits in the host's channel, so that the host never waits for this process. */
const runsWaiting = 1;
/** A run whose host died is tried again this often before its caller hears of it: hosts also die of other causes. */
const attemptsPerRun = 3;
/** Deaths in a row, with no run finished in between, after which something is wrong with the machine, not with a run. */
const maximumDeathsInARow = 12;

type EncoderHost = Host<TokenBatch, Float32Array>;

interface Run {
  readonly batch: TokenBatch;
  readonly resolve: (vectors: Float32Array) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: CancelSignal | undefined;
  attempts: number;
  /** When it last came into the queue or left it, in milliseconds. */
  since: number;
  /** A host died while it computed this run and others: it is tried alone, so that the next death tells. */
  isSuspect: boolean;
}

interface Slot {
  /** Undefined on the processor. */
  readonly placement: GpuPlacement | undefined;
  host: EncoderHost | undefined;
  /** Settles when the host that is being started is ready or has failed. */
  starting: Promise<void> | undefined;
  /** In the order they were sent: the first are being computed, as many as there are lanes. */
  readonly underWay: Run[];
  watchdog: NodeJS.Timeout | undefined;
}

/** Starts encoder processes, one thread for each core in all, behind one queue; whoever is free takes the next run. */
export async function createEncoderPool(options: EncoderPoolOptions): Promise<EncoderPool> {
  const pool = new EncoderPool(options);
  try {
    await pool.start();
    return pool;
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** Encoder hosts, supervised: one that dies or hangs is replaced, and its runs are done by others. */
export class EncoderPool implements Encoder {
  readonly dimensions: number;
  readonly maxTokens: number;
  readonly tokenBudget: number;
  readonly engine: EngineFacts;
  private readonly slots: readonly Slot[];
  private readonly lanes: number;
  private readonly endsRuns: boolean;
  private readonly observer: EncoderObserver;
  private readonly queue: Run[] = [];
  private deathsInARow = 0;
  private isClosing = false;
  private broken: MillraceError | undefined;

  constructor(private readonly options: EncoderPoolOptions) {
    this.dimensions = options.model.dimensions;
    this.maxTokens = options.model.maxTokens;
    const { device = { kind: "cpu" } } = options;
    this.tokenBudget = tokenBudgetOf(options);
    this.engine = engineFacts(device);
    this.observer = options.observer ?? noObserver;
    this.lanes = lanesOf(options, device);
    this.endsRuns = bestBinding(device.kind).endsRuns;
    const hosts = device.kind === "cpu" ? Math.ceil(availableParallelism() / this.lanes) : 1;
    this.slots = placements(device, options.hosts || hosts).map((placement) => ({
      placement,
      host: undefined,
      starting: undefined,
      underWay: [],
      watchdog: undefined,
    }));
  }

  async start(): Promise<void> {
    await Promise.all(
      this.slots.map((slot) => {
        slot.starting = this.startHost(slot);
        return slot.starting;
      }),
    );
  }

  encode(batch: TokenBatch, signal?: CancelSignal): Promise<Float32Array> {
    if (this.broken !== undefined) return Promise.reject(this.broken);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<Float32Array>();
    const run: Run = { batch, resolve, reject, signal, attempts: 0, since: performance.now(), isSuspect: false };
    const takeBack = () => {
      const place = this.queue.indexOf(run);
      if (place >= 0) this.queue.splice(place, 1);
      if (place >= 0) reject(signal?.reason);
      this.observe();
    };
    signal?.addEventListener("abort", takeBack, { once: true });
    this.queue.push(run);
    this.dispatch();
    return promise.finally(() => signal?.removeEventListener("abort", takeBack));
  }

  /** Process ids of the hosts that live. */
  pids(): readonly number[] {
    return this.slots.flatMap(({ host }) => (host === undefined ? [] : [host.pid]));
  }

  /** Ends the hosts. Runs that are not done are rejected with E_HOST. */
  async close(): Promise<void> {
    this.isClosing = true;
    this.giveUp(new MillraceError("E_HOST", "the encoder was closed"));
    await Promise.all(this.slots.map((slot) => this.stopHost(slot)));
  }

  private async stopHost(slot: Slot): Promise<void> {
    clearTimeout(slot.watchdog);
    for (const run of slot.underWay.splice(0)) run.reject(this.broken);
    await slot.starting?.catch(() => {});
    await slot.host?.stop();
  }

  /** First one run for each host, then a second one to each, until their lanes are busy and a run waits for each. */
  private dispatch(): void {
    for (let depth = 1; depth <= this.lanes + runsWaiting; depth += 1) {
      for (const slot of this.slots) {
        const [next] = this.queue;
        if (next === undefined || slot.host === undefined || slot.underWay.length >= depth) continue;
        if (!mayJoin(next, slot)) continue;
        this.queue.shift();
        void this.send(slot, slot.host, next);
      }
    }
    this.observe();
  }

  private observe(): void {
    const busy = this.slots.reduce((sum, { underWay }) => sum + Math.min(underWay.length, this.lanes), 0);
    const starting = this.slots.filter(({ host }) => host === undefined).length * this.lanes;
    this.observer.lanes({ busy, starting, all: this.slots.length * this.lanes });
    this.observer.queued(this.queue.length);
  }

  private async send(slot: Slot, host: EncoderHost, run: Run): Promise<void> {
    slot.underWay.push(run);
    if (slot.underWay.length === 1) this.watch(slot, host);
    const begunAt = performance.now();
    this.observer.begun((begunAt - run.since) / 1000);
    const ended = (outcome: RunOutcome) => {
      const tokens = run.batch.rows * run.batch.length;
      this.observer.ended(outcome, { tokens, seconds: (performance.now() - begunAt) / 1000 });
    };
    try {
      run.resolve(await host.request(run.batch, this.endsRuns ? run.signal : undefined));
      this.deathsInARow = 0;
      ended("done");
    } catch (error) {
      run.since = performance.now();
      ended(outcomeOf(error, run));
      if (isDeath(error)) return;
      run.reject(error);
    }
    if (this.isClosing) return;
    const place = slot.underWay.indexOf(run);
    if (place >= 0) slot.underWay.splice(place, 1);
    if (place === 0) this.watch(slot, host);
    this.dispatch();
  }

  private watch(slot: Slot, host: EncoderHost): void {
    clearTimeout(slot.watchdog);
    const patience = this.options.hangMilliseconds ?? defaultHangMilliseconds;
    slot.watchdog = slot.underWay.length > 0 ? setTimeout(() => host.kill(), patience) : undefined;
  }

  private async startHost(slot: Slot): Promise<void> {
    const { model, optimization } = this.options;
    const { graphPath, graphDigest, weights } = model;
    const { placement } = slot;
    const host: EncoderHost = await startHost({
      module: new URL("./encoder-host.js", import.meta.url),
      settings: {
        graphPath,
        graphDigest,
        weights,
        threads: 1,
        lanes: this.lanes,
        ...(placement && { placement }),
        ...(optimization && { optimization }),
      },
      name: "encoder host",
    });
    if (this.isClosing) return host.stop();
    slot.host = host;
    void host.ended.then((reason) => this.afterDeath(slot, reason));
    this.dispatch();
  }

  private afterDeath(slot: Slot, reason: string): void {
    clearTimeout(slot.watchdog);
    slot.host = undefined;
    if (this.isClosing) return;
    this.deathsInARow += 1;
    this.options.onRestart?.(reason);
    this.observer.restarted();
    const runs = slot.underWay.splice(0).filter(isWanted);
    const suspects = runs.splice(0, this.lanes);
    this.queue.unshift(...runs);
    const [only, ...others] = suspects;
    if (only !== undefined && others.length === 0) this.retry(only, reason);
    else this.queue.unshift(...suspects.map((run) => Object.assign(run, { isSuspect: true })));
    if (this.deathsInARow > maximumDeathsInARow) this.giveUp(hostsKeepDying(reason));
    if (this.broken === undefined) slot.starting = this.restart(slot);
    else this.giveUp(this.broken);
  }

  /** A host may die while it starts, too; that it cannot be started is another matter. */
  private async restart(slot: Slot): Promise<void> {
    try {
      await this.startHost(slot);
    } catch (error) {
      if (isDeath(error)) this.afterDeath(slot, error.message);
      else this.giveUp(asMillraceError(error, "E_HOST", "an encoder host cannot start"));
    }
  }

  private retry(run: Run, reason: string): void {
    run.attempts += 1;
    if (run.attempts < attemptsPerRun) this.queue.unshift(run);
    else run.reject(new MillraceError("E_ROW_ENCODE", "encoder hosts died on this run each time", { why: reason }));
  }

  /** Runs that living hosts are working on come to their end; nothing new is begun. */
  private giveUp(error: MillraceError): void {
    this.broken ??= error;
    for (const run of this.queue.splice(0)) run.reject(error);
  }
}

/** A host is killed where it does not end a run soon that nobody wants any more. */
function isWanted({ signal, reject }: Run): boolean {
  if (signal?.aborted) reject(signal.reason);
  return !signal?.aborted;
}

/** A suspect runs alone. */
function mayJoin(run: Run, { underWay }: Slot): boolean {
  return underWay.length === 0 || !(run.isSuspect || underWay.some(({ isSuspect }) => isSuspect));
}

/** Runs that each host computes at the same time. */
function lanesOf({ hosts, lanes }: EncoderPoolOptions, device: ReadyDevice): number {
  if (device.kind !== "cpu") return 1;
  return lanes ?? (hosts ? 1 : Math.min(bestBinding(device.kind).maximumLanes, availableParallelism()));
}

/** Where each host runs; on several GPUs in turns, so that runs are spread evenly. */
function placements(device: ReadyDevice, hosts: number): readonly (GpuPlacement | undefined)[] {
  if (device.kind === "cpu") return Array.from({ length: hosts }, () => undefined);
  const { gpus, runtime, libraries } = device;
  return Array.from({ length: hosts }, () => gpus.map((gpu) => ({ gpu, runtime, libraries }))).flat();
}

function isDeath(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.code === "E_HOST";
}

function hostsKeepDying(reason: string): MillraceError {
  return new MillraceError("E_HOST", "encoder hosts keep dying", {
    why: reason,
    fix: "Check free memory (a host needs about four times the weights), or use fewer with --hosts.",
  });
}

function outcomeOf(error: unknown, { signal }: Run): RunOutcome {
  if (isDeath(error)) return "host_died";
  return signal?.aborted ? "cancelled" : "failed";
}
