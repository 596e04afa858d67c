import { type CorpusObject, type Job, MillraceError, type RowRange, type Shard, type Split } from "@millrace/core";
import { type Host, startHost } from "../hosts/host.js";
import type { Splitter } from "../steps/context.js";
import type { WorkLimits } from "../work-limits.js";
import { HostSurveyor } from "./host-surveyor.js";
import type { SplitRequest } from "./split-shard.js";
import type { SplitterSettings } from "./splitter-host.js";

/** An object may keep the reader busy this long without a sign of life before it counts as hung. */
const defaultHangMilliseconds = 300_000;
/** An object whose reader died this often is given up: it goes to quarantine, the others go on. */
const deathsPerObject = 2;
const maximumDeathsInARow = 12;

export interface HostSplitterOptions extends SplitterSettings {
  readonly hangMilliseconds?: number;
  readonly onRestart?: (reason: string) => void;
}

/** Splits in a supervised process; when it dies the shard is split again, without the object that killed it twice. */
export class HostSplitter implements Splitter {
  private host: Host<SplitRequest, Split> | undefined;
  private readonly deathsByObject = new Map<string, number>();
  private deathsInARow = 0;
  private reading = "";
  private watchdog: NodeJS.Timeout | undefined;
  /** One shard at a time; calls queue up behind each other. */
  private last: Promise<unknown> = Promise.resolve();
  private readonly surveyor: HostSurveyor;

  constructor(private readonly options: HostSplitterOptions) {
    this.surveyor = new HostSurveyor(options.job, options.hangMilliseconds ?? defaultHangMilliseconds);
  }

  split(_job: Job, shard: Shard, signal?: AbortSignal): Promise<Split> {
    const split = this.last.then(() => this.splitUntilDone(shard, signal));
    this.last = split.catch(() => {});
    return split;
  }

  survey(object: CorpusObject, limits: WorkLimits["range"], signal?: AbortSignal): Promise<readonly RowRange[]> {
    return this.surveyor.survey({ object, limits }, signal);
  }

  /** Process id of the host, while one lives. */
  get pid(): number | undefined {
    return this.host?.pid;
  }

  async close(): Promise<void> {
    await this.surveyor.close();
    await this.last;
    clearTimeout(this.watchdog);
    await this.host?.stop();
  }

  private async splitUntilDone(shard: Shard, signal: AbortSignal | undefined): Promise<Split> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        this.host ??= await this.start();
        const { host } = this;
        this.reading = "";
        this.watch(host);
        const isCareful = this.deathsInARow > 0;
        const split = await host.request({ shard, poisoned: this.poisoned(), isCareful }, signal);
        this.recordSuccess(shard, split);
        return split;
      } catch (error) {
        // One that was killed since nobody wants its answer is nobody's fault; the next call starts another.
        if (signal?.aborted) this.forgetDead();
        signal?.throwIfAborted();
        if (!(error instanceof MillraceError) || error.code !== "E_HOST") throw error;
        this.recordDeath(error);
      } finally {
        clearTimeout(this.watchdog);
        this.watchdog = undefined;
      }
    }
  }

  /** A host that died while nothing was asked of it is nobody's fault; it is replaced without ado. */
  private async start(): Promise<Host<SplitRequest, Split>> {
    const { onRestart: _, hangMilliseconds: __, ...settings } = this.options;
    const host = await startHost<SplitRequest, Split>({
      module: new URL("./splitter-host.js", import.meta.url),
      settings,
      name: "splitter host",
      onNote: (note) => {
        this.reading = String(note);
        if (this.watchdog !== undefined && this.host !== undefined) this.watch(this.host);
      },
    });
    void host.ended.then(() => {
      if (this.host === host && this.watchdog === undefined) this.host = undefined;
    });
    return host;
  }

  private forgetDead(): void {
    const { host } = this;
    void host?.ended.then(() => {
      if (this.host === host) this.host = undefined;
    });
  }

  private watch(host: Host<SplitRequest, Split>): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => host.kill(), this.options.hangMilliseconds ?? defaultHangMilliseconds);
  }

  private recordDeath(error: MillraceError): void {
    this.host = undefined;
    this.deathsInARow += 1;
    if (this.reading !== "") {
      this.deathsByObject.set(this.reading, (this.deathsByObject.get(this.reading) ?? 0) + 1);
    }
    this.options.onRestart?.(error.message);
    if (this.deathsInARow > maximumDeathsInARow) throw error;
  }

  /** Deaths that did not come again were of another cause; an object that is given up stays so until it is behind us. */
  private recordSuccess({ objects }: Shard, { rest }: Split): void {
    this.deathsInARow = 0;
    const left = new Set(rest?.objects.map(({ key }) => key));
    for (const { key } of objects) {
      const isGivenUp = (this.deathsByObject.get(key) ?? 0) >= deathsPerObject;
      if (!(isGivenUp && left.has(key))) this.deathsByObject.delete(key);
    }
  }

  private poisoned(): readonly string[] {
    return [...this.deathsByObject].flatMap(([object, deaths]) => (deaths >= deathsPerObject ? [object] : []));
  }
}
