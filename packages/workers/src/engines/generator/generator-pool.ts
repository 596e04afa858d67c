import { availableParallelism } from "node:os";
import type { CompiledGenerator } from "@millrace/compiler";
import {
  asMillraceError,
  type CancelSignal,
  type EngineFacts,
  type GeneratedRow,
  type GenerateRequest,
  type Generator,
  MillraceError,
} from "@millrace/core";
import { type Host, startHost } from "../../hosts/host.js";
import { checkDecoding } from "../decoding/check.js";
import { engineFacts } from "../encoder-pool.js";
import { decoderFacts } from "./decoder-facts.js";
import type { GeneratorHostSettings } from "./generator-host.js";
import { type MemoryWishes, planMemory } from "./memory.js";
import { bestDecoderBinding, type DecoderBinding } from "./open-decoder.js";
import type { GeneratorNote } from "./teller.js";

export interface GeneratorPoolOptions extends Partial<MemoryWishes> {
  readonly model: CompiledGenerator;
  /**
   * Runs at the same time, each of a share of the rows on a share of the cores. One on all cores, the default, reads the
   * weights once for all rows, and was the faster on two cores for one row and for 32.
   */
  readonly lanes?: number;
  readonly chunkTokens?: number;
  readonly stepTokens?: number;
  /** A host that gives no sign of life for so long while it has rows is killed. */
  readonly hangMilliseconds?: number;
  /** To compare with. */
  readonly binding?: DecoderBinding;
  readonly onRestart?: (reason: string) => void;
  readonly onTokens?: (note: GeneratorNote) => void;
}

/** Rows that are decoded together: more share each reading of the weights, until products are what takes the time. */
export const defaultMaximumRows = 32;
/**
 * Tokens of a prompt in one run. A token takes about as long as in runs of 128, others wait for their token a
 * moment only, and what prompts begin with in common need not be long to be computed once.
 */
export const defaultChunkTokens = 64;
export const defaultStepTokens = 512;

const defaultHangMilliseconds = 300_000;
/** A row whose host died this often while it was alone there fails. */
const attemptsPerRow = 3;
/** Deaths in a row, with no row finished in between: halving a group down to the row at fault takes fewer. */
const maximumDeathsInARow = 16;

interface Row {
  readonly request: GenerateRequest;
  readonly signal: CancelSignal | undefined;
  readonly resolve: (row: GeneratedRow) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
}

type GeneratorHost = Host<GenerateRequest, GeneratedRow>;

/** Answers in a host process, which starts with the first request and is replaced when it dies or hangs. */
export class GeneratorPool implements Generator {
  readonly contextLength: number;
  /** Tokens of the longest prompt. */
  private readonly promptLength: number;
  readonly engine: EngineFacts = engineFacts({ kind: "cpu" });
  /** Rows a host has at once: those that wait there begin without a word between the processes. */
  private readonly window: number;
  private readonly settings: GeneratorHostSettings;
  private readonly queue: Row[] = [];
  /** Rows whose host died, to be tried apart from all others, group by group. */
  private readonly suspects: Row[][] = [];
  private readonly underWay = new Set<Row>();
  private isTryingSuspects = false;
  private host: GeneratorHost | undefined;
  private starting: Promise<void> | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  /** Why the host is about to end itself. */
  private lastWords: string | undefined;
  private deathsInARow = 0;
  private broken: MillraceError | undefined;

  /** @throws E_MODEL_TOO_LARGE, E_MODEL_INVALID */
  constructor(private readonly options: GeneratorPoolOptions) {
    const { model, maximumRows = defaultMaximumRows, binding = bestDecoderBinding } = options;
    const lanes = binding === "native" ? (options.lanes ?? 1) : 1;
    this.contextLength = model.contextLength;
    this.promptLength = model.encoder?.sourceLength ?? model.contextLength - 1;
    this.window = 2 * maximumRows;
    this.settings = {
      decoder: {
        ...decoderFacts(model),
        lanes,
        threads: Math.max(1, Math.floor(availableParallelism() / lanes)),
        binding,
      },
      tokenizerPath: model.tokenizerPath,
      limits: planMemory(model, { ...options, maximumRows }),
      chunkTokens: options.chunkTokens ?? defaultChunkTokens,
      stepTokens: options.stepTokens ?? defaultStepTokens,
    };
  }

  generate(request: GenerateRequest, signal?: CancelSignal): Promise<GeneratedRow> {
    if (this.broken !== undefined) return Promise.reject(this.broken);
    if (signal?.aborted) return Promise.reject(signal.reason);
    try {
      checkDecoding(request.decoding);
      this.requireRoom(request);
    } catch (error) {
      return Promise.reject(error);
    }
    const { promise, resolve, reject } = Promise.withResolvers<GeneratedRow>();
    const row: Row = { request: this.within(request), signal, resolve, reject, attempts: 0 };
    const takeBack = () => {
      const place = this.queue.indexOf(row);
      if (place >= 0) this.queue.splice(place, 1);
      if (place >= 0) reject(signal?.reason);
    };
    signal?.addEventListener("abort", takeBack, { once: true });
    this.queue.push(row);
    if (this.host === undefined) this.starting ??= this.start();
    else this.dispatch();
    return promise.finally(() => signal?.removeEventListener("abort", takeBack));
  }

  /** Bytes that keys and values may take. */
  get cacheBytes(): number {
    return this.settings.limits.memoryBytes;
  }

  /** Process id of the host, while one lives. */
  get pid(): number | undefined {
    return this.host?.pid;
  }

  async close(): Promise<void> {
    this.giveUp(new MillraceError("E_HOST", "the generator was closed"));
    clearTimeout(this.watchdog);
    await this.starting?.catch(() => {});
    // Nobody waits for what it is computing.
    this.host?.kill();
    await this.host?.stop();
  }

  private requireRoom({ promptIds }: GenerateRequest): void {
    if (promptIds.length > 0 && promptIds.length <= this.promptLength) return;
    const isRead = this.options.model.encoder !== undefined;
    const most = isRead ? `reads ${this.promptLength}` : `takes ${this.contextLength} with the answer`;
    throw new MillraceError("E_ROW_PROMPT", "the prompt cannot be answered", {
      why: promptIds.length === 0 ? "it has no token" : `it has ${promptIds.length} tokens, and the model ${most}`,
      fix: promptIds.length === 0 ? "Give some words." : "Shorten it.",
    });
  }

  /** An answer that fills the model's context ends there. */
  private within({ promptIds, decoding, ...request }: GenerateRequest): GenerateRequest {
    const begun = this.options.model.encoder === undefined ? promptIds.length : 1;
    const maxNewTokens = Math.min(decoding.maxNewTokens, this.contextLength - begun);
    return { ...request, promptIds, decoding: { ...decoding, maxNewTokens } };
  }

  private async start(): Promise<void> {
    try {
      const host: GeneratorHost = await startHost({
        module: new URL("./generator-host.js", import.meta.url),
        settings: this.settings,
        name: "generator host",
        onNote: (note) => {
          this.watch();
          this.lastWords = (note as GeneratorNote).failure;
          this.options.onTokens?.(note as GeneratorNote);
        },
      });
      this.host = host;
      this.lastWords = undefined;
      void host.ended.then((reason) => this.afterDeath(this.lastWords ?? reason));
      this.dispatch();
    } catch (error) {
      if (error instanceof MillraceError && error.code === "E_HOST") this.afterDeath(error.message);
      else this.giveUp(asMillraceError(error, "E_HOST", "a generator host cannot start"));
    }
  }

  /** Suspects come first, each group alone; only when there are none, everybody else. */
  private dispatch(): void {
    if (this.host === undefined) return;
    const group = this.underWay.size === 0 ? this.suspects.pop() : undefined;
    this.isTryingSuspects = group !== undefined || (this.isTryingSuspects && this.underWay.size > 0);
    for (const row of group ?? []) void this.send(this.host, row);
    if (this.isTryingSuspects || this.suspects.length > 0) return;
    while (this.underWay.size < this.window) {
      const row = this.queue.shift();
      if (row === undefined) return;
      void this.send(this.host, row);
    }
  }

  private async send(host: GeneratorHost, row: Row): Promise<void> {
    this.underWay.add(row);
    this.watch();
    try {
      const answer = await host.request(row.request, row.signal as AbortSignal | undefined);
      this.deathsInARow = 0;
      row.resolve(answer);
    } catch (error) {
      // What becomes of the rows of a dead host is decided for all of them together.
      if (error instanceof MillraceError && error.code === "E_HOST") return;
      row.reject(error);
    }
    if (!this.underWay.delete(row)) return;
    this.watch();
    this.dispatch();
  }

  private watch(): void {
    clearTimeout(this.watchdog);
    const { hangMilliseconds = defaultHangMilliseconds } = this.options;
    const { host } = this;
    this.watchdog = this.underWay.size > 0 ? setTimeout(() => host?.kill(), hangMilliseconds) : undefined;
  }

  private afterDeath(reason: string): void {
    clearTimeout(this.watchdog);
    this.host = undefined;
    const rows = [...this.underWay];
    this.underWay.clear();
    if (this.broken !== undefined) {
      for (const { reject } of rows) reject(this.broken);
      return;
    }
    this.options.onRestart?.(reason);
    this.suspect(rows, reason);
    this.deathsInARow += 1;
    if (this.deathsInARow > maximumDeathsInARow) this.giveUp(hostsKeepDying(reason));
    else this.starting = this.start();
  }

  /** Halves a group until the row at fault stands alone. */
  private suspect(rows: readonly Row[], reason: string): void {
    const [only, ...others] = rows;
    if (only === undefined) return;
    if (others.length === 0) {
      only.attempts += 1;
      if (only.attempts < attemptsPerRow) this.suspects.push([only]);
      else
        only.reject(new MillraceError("E_ROW_GENERATE", "the engine dies on this prompt each time", { why: reason }));
      return;
    }
    const middle = Math.ceil(rows.length / 2);
    this.suspects.push(rows.slice(middle), rows.slice(0, middle));
  }

  private giveUp(error: MillraceError): void {
    this.broken ??= error;
    for (const { reject } of [...this.queue.splice(0), ...this.suspects.splice(0).flat()]) reject(this.broken);
  }
}

function hostsKeepDying(reason: string): MillraceError {
  return new MillraceError("E_HOST", "generator hosts keep dying", {
    why: reason,
    fix: "Check free memory, allow keys and values less of it with --kv-memory, or take fewer rows with --batch-rows.",
  });
}
