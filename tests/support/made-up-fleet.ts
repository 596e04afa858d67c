import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import { type Jobs, openJobs, type WorkerVersion } from "@millrace/workers";
import { type EmbedCorpusInput, encodeQueue, ioQueue, orchestrateQueue } from "@millrace/workflows";
import { startTemporal, type TemporalServer } from "../services/temporal-server.ts";
import { temporaryFolder } from "./command-line.ts";
import { type MadeUpCorpus, madeUpInput } from "./made-up-steps.ts";
import { until } from "./processes.ts";

/** What `made-up-worker.mjs` is started with. Plain JSON. */
export interface MadeUpWorker {
  readonly address: string;
  readonly cacheDirectory: string;
  readonly corpus: Omit<MadeUpCorpus, "onStep">;
  /** Parts of a worker that it has; all by default. */
  readonly queues?: readonly string[];
  readonly version?: WorkerVersion;
}

export interface MadeUpStep {
  readonly at: number;
  readonly name: string;
  readonly corpus: string;
}

export interface StartedWorker {
  readonly child: ChildProcess;
  /** Steps begun so far, each with the time in milliseconds since 1970. */
  readonly steps: readonly MadeUpStep[];
  kill(): Promise<void>;
}

/** A real Temporal server with workers whose steps are made up. */
export class MadeUpFleet {
  private readonly workers: StartedWorker[] = [];

  private constructor(
    readonly temporal: TemporalServer,
    readonly jobs: Jobs,
    private readonly cacheDirectory: string,
  ) {}

  /** @param settings of the server's dynamic configuration, as `name=value` */
  static async start(settings: readonly string[] = []): Promise<MadeUpFleet> {
    const temporal = await startTemporal(await temporaryFolder(), settings);
    return new MadeUpFleet(temporal, await openJobs({ address: temporal.address }), await temporaryFolder());
  }

  async startWorker(options: Omit<MadeUpWorker, "address" | "cacheDirectory">): Promise<StartedWorker> {
    const { cacheDirectory, temporal } = this;
    const settings: MadeUpWorker = { ...options, address: temporal.address, cacheDirectory };
    const program = resolve("tests/support/made-up-worker.mjs");
    const child = spawn(process.execPath, [program, JSON.stringify(settings)], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise((settle) => child.once("close", settle));
    const steps: MadeUpStep[] = [];
    let isReady = false;
    let said = "";
    let rest = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [at, name = "", corpus = ""] = line.split(" ");
        if (at === "ready") isReady = true;
        else steps.push({ at: Number(at), name, corpus });
      }
    });
    const kill = async () => {
      child.kill("SIGKILL");
      await ended;
    };
    const worker = { child, steps, kill };
    this.workers.push(worker);
    await until(() => isReady || child.exitCode !== null, "the worker", 60_000);
    if (!isReady) throw new Error(said);
    return worker;
  }

  /** Starts a job of the made-up corpus of that name, as soon as the server has heard of all workers. */
  async startJob(id: string, given: Partial<EmbedCorpusInput> = {}): Promise<void> {
    for (;;) {
      try {
        return await this.startOnce(id, given);
      } catch (error) {
        if (!(error instanceof MillraceError) || error.code !== "E_WORKER_MISSING") throw error;
        await delay(50);
      }
    }
  }

  /** The same, once. @throws E_WORKER_MISSING */
  async startOnce(id: string, given: Partial<EmbedCorpusInput> = {}): Promise<void> {
    const input = { ...madeUpInput, job: { ...madeUpInput.job, corpus: id }, ...given };
    const needs = [ioQueue, encodeQueue(madeUpInput.job.model, "cpu")];
    return this.jobs.start({ id, workflow: "embedCorpus", queue: orchestrateQueue, input, needs });
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill()));
    await this.jobs.close();
    await this.temporal.server.kill();
  }
}
