import type { Log, SpanFacts } from "@millrace/core";
import { NativeConnection, Runtime, Worker, type WorkerDeploymentOptions } from "@temporalio/worker";
import type { Tracing } from "../tracing/tracing.js";
import { type ControlledSteps, createActivities } from "./activities.js";
import { resolvePlace, type TemporalPlace, temporalError } from "./connect.js";
import { dataConverter } from "./data-converter.js";
import { freePort } from "./free-port.js";
import { coreLevel, sdkLogger } from "./sdk-log.js";
import { traceActivities } from "./trace-activities.js";

/** A queue this process takes work from. */
export type QueueToPoll =
  | { readonly queue: string; readonly bundlePath: string }
  | { readonly queue: string; readonly stepsFor: ControlledSteps; readonly atOnce: number };

/** How long a job waits for the worker that has its state before another replays its short history. */
const stickyTimeout = "2 seconds";

/** Signs of life are passed on this often; with the answer comes that a job was cancelled. */
const heartbeatThrottle = "5 seconds";

/** Which build of which deployment a worker is. */
export interface WorkerVersion {
  readonly deployment: string;
  readonly buildId: string;
}

export interface WorkerOptions extends TemporalPlace {
  readonly queues: readonly QueueToPoll[];
  /**
   * With it, the worker takes new jobs only once its build is the deployment's current one, and a job stays with the build that
   * began it until it goes on in a new history.
   */
  readonly version?: WorkerVersion;
  /** When it fires, nothing new is taken; what is under way is finished. */
  readonly stop: AbortSignal;
  /** How long what is under way may take after `stop`, in milliseconds. */
  readonly graceMilliseconds: number;
  /** Given what reads the SDK's own metrics, in Prometheus' text format; without it the SDK keeps none. */
  readonly onMetrics?: (read: () => Promise<string>) => void;
  /** Takes what the SDK says; without it, its errors go to stderr. */
  readonly log?: Log;
  /** Takes the spans of jobs that this worker orchestrates or works on. */
  readonly tracing?: Tracing | undefined;
  /** Strikes out secrets of what failed steps tell the server. */
  readonly redact?: (text: string) => string;
  /** Called when every queue is polled. */
  readonly onReady: () => void;
}

/** Polls the queues until told to stop. @throws E_UNREACHABLE and its kin when the server is not there at the start */
export async function runWorkers(options: WorkerOptions): Promise<void> {
  const { queues, version, stop, graceMilliseconds, onReady, onMetrics, log, tracing, redact, ...place } = options;
  const { connection: connectionOptions, namespace, address } = resolvePlace(place);
  const converter = dataConverter(place.keys);
  Runtime.install({
    logger: sdkLogger(log),
    // Left to itself, the native part writes its log to stdout, which is for data.
    telemetryOptions: {
      logging: { forward: {}, filter: { core: coreLevel(log), other: "ERROR" } },
      ...(onMetrics && { metrics: { prometheus: await sdkMetrics(onMetrics) } }),
    },
    shutdownSignals: [],
  });
  const connection = await NativeConnection.connect(connectionOptions).catch((error: unknown) => {
    throw temporalError(error, { address, namespace });
  });
  try {
    const workers = await Promise.all(
      queues.map((queue) =>
        Worker.create({
          connection,
          namespace,
          ...converter,
          taskQueue: queue.queue,
          shutdownGraceTime: graceMilliseconds,
          stickyQueueScheduleToStartTimeout: stickyTimeout,
          maxHeartbeatThrottleInterval: heartbeatThrottle,
          interceptors: { activity: tracing === undefined ? [] : [traceActivities(tracing)] },
          // Workflows tell of their spans whether or not somebody hears of them.
          sinks: {
            tracing: { emit: { fn: (_: unknown, span: SpanFacts) => tracing?.emit(span), callDuringReplay: false } },
          },
          ...(version === undefined ? {} : { workerDeploymentOptions: pinnedTo(version) }),
          ...("stepsFor" in queue
            ? {
                activities: createActivities(queue.stepsFor, redact),
                maxConcurrentActivityTaskExecutions: queue.atOnce,
              }
            : { workflowBundle: { codePath: queue.bundlePath } }),
        }),
      ),
    ).catch((error: unknown) => {
      throw temporalError(error, { address, namespace });
    });
    const shutdown = () => {
      for (const worker of workers) if (worker.getState() === "RUNNING") worker.shutdown();
    };
    if (stop.aborted) return;
    stop.addEventListener("abort", shutdown, { once: true });
    const runs = workers.map((worker) => worker.run());
    onReady();
    // One that fails takes the others along: a process that polls half of its queues would look alive.
    await Promise.all(runs.map((run) => run.finally(shutdown)));
  } finally {
    await connection.close();
  }
}

/** The SDK serves its metrics on a port of its own, which is read from there; names and units as Prometheus wants them. */
async function sdkMetrics(onMetrics: NonNullable<WorkerOptions["onMetrics"]>) {
  const bindAddress = `127.0.0.1:${await freePort()}`;
  onMetrics(async () => {
    const response = await fetch(`http://${bindAddress}/metrics`);
    return response.text();
  });
  return { bindAddress, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true };
}

function pinnedTo({ deployment, buildId }: WorkerVersion): WorkerDeploymentOptions {
  return {
    version: { deploymentName: deployment, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: "PINNED",
  };
}
