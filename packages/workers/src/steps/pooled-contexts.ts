import { asMillraceError, type Job } from "@millrace/core";

/** Drivers of one job, and how to close them. */
export interface OpenContext<Context> {
  readonly context: Context;
  close(): Promise<void>;
}

interface Entry<Context> {
  readonly open: Promise<OpenContext<Context>>;
  usedAt: number;
}

/** Drivers of the jobs a worker takes part in: opened with a job's first step, closed when the job falls silent. */
export interface ContextPool<Context, Work = Job> {
  of(job: Work): Promise<Context>;
  /** Closes a job's drivers; its next step opens them anew. */
  release(job: Work): Promise<void>;
  close(): Promise<void>;
}

export interface ContextPoolOptions<Context, Work = Job> {
  /** Jobs of one name share their drivers. */
  readonly nameOf: (job: Work) => string;
  readonly open: (job: Work) => Promise<OpenContext<Context>>;
  /** A job without a step for this long is taken for ended; longer than any step takes. */
  readonly idleMilliseconds: number;
}

export function createContextPool<Context, Work = Job>(
  options: ContextPoolOptions<Context, Work>,
): ContextPool<Context, Work> {
  const { nameOf, open, idleMilliseconds } = options;
  const entries = new Map<string, Entry<Context>>();
  const closeEntry = async (name: string, entry: Entry<Context>) => {
    entries.delete(name);
    const opened = await entry.open.catch(() => undefined);
    await opened?.close();
  };
  const closeIdle = async () => {
    const now = performance.now();
    for (const [name, entry] of entries) {
      if (now - entry.usedAt > idleMilliseconds) await closeEntry(name, entry);
    }
  };
  const timer = setInterval(() => void closeIdle().catch(() => {}), idleMilliseconds / 4);
  timer.unref();
  return {
    async of(job) {
      const name = nameOf(job);
      const entry = entries.get(name) ?? { open: open(job), usedAt: 0 };
      entry.usedAt = performance.now();
      entries.set(name, entry);
      try {
        return (await entry.open).context;
      } catch (error) {
        // What could not be opened is opened anew by the next step.
        if (entries.get(name) === entry) entries.delete(name);
        throw asMillraceError(error, "E_INTERNAL", "a job cannot be opened");
      }
    },
    async release(job) {
      const entry = entries.get(nameOf(job));
      if (entry !== undefined) await closeEntry(nameOf(job), entry);
    },
    async close() {
      clearInterval(timer);
      for (const [name, entry] of entries) await closeEntry(name, entry);
    },
  };
}
