import { type Job, MillraceError, type RowRange } from "@millrace/core";
import { type Host, startHost } from "../hosts/host.js";
import type { SurveyRequest } from "./survey-object.js";

type SurveyHost = Host<SurveyRequest, readonly RowRange[]>;

/** Surveys large objects, each in a process that lives as long as its survey. */
export class HostSurveyor {
  private readonly running = new Set<SurveyHost>();

  constructor(
    private readonly job: Job,
    /** A survey that gives no sign of life for so long counts as hung. */
    private readonly hangMilliseconds: number,
  ) {}

  /** Empty also where the process dies: the object is then split from front to back, and whoever splits it finds out. @throws the signal's reason */
  async survey(request: SurveyRequest, signal?: AbortSignal): Promise<readonly RowRange[]> {
    let watchdog: NodeJS.Timeout | undefined;
    let host: SurveyHost | undefined;
    const watch = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => host?.kill(), this.hangMilliseconds);
    };
    const { job } = this;
    const module = new URL("./survey-host.js", import.meta.url);
    try {
      host = await startHost({ module, settings: { job }, name: "survey host", onNote: watch });
      this.running.add(host);
      watch();
      return await host.request(request, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof MillraceError && error.code === "E_HOST") return [];
      throw error;
    } finally {
      clearTimeout(watchdog);
      await host?.stop();
      if (host !== undefined) this.running.delete(host);
    }
  }

  async close(): Promise<void> {
    for (const host of this.running) host.kill();
    await Promise.all([...this.running].map(({ ended }) => ended));
  }
}
