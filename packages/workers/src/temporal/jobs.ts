import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "@millrace/core";
import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from "@temporalio/client";
import { connectTemporal, grpcCodes, type TemporalPlace } from "./connect.js";
import { fromFailure } from "./failures.js";
import { idPrefix, jobWorkflowId } from "./ids.js";
import { attributeIs, attributePairs, registerAttributes } from "./search-attributes.js";
import { starvedQueues } from "./starved-queues.js";

/** A job as the server lists it. */
export interface ListedJob {
  readonly id: string;
  /** `RUNNING`, `COMPLETED`, `FAILED`, `CANCELLED`, `TERMINATED` … */
  readonly status: string;
  readonly workflow: string;
  readonly startedAt: Date;
  readonly closedAt?: Date;
  /** Events of its history; a long job goes on in a new one, which is listed beside it. */
  readonly events: number;
}

/** What to start: a workflow of the orchestrate queue, under the id by which its job cannot run twice. */
export interface JobToStart {
  readonly id: string;
  readonly workflow: string;
  readonly queue: string;
  readonly input: unknown;
  /** Queues whose workers the job needs. */
  readonly needs: readonly string[];
  /** Search attributes by their names, as they are kept; the server must know them. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Which jobs to list. */
export interface JobsWanted {
  readonly limit: number;
  /** `Running`, `Completed` …, as the server calls it. */
  readonly status?: string;
  /** By attribute, the values of which a job must have one. */
  readonly attributes?: Readonly<Record<string, readonly string[]>>;
}

/** Jobs on a Temporal server. */
export interface Jobs {
  /** @throws E_JOB_RUNNING where the same job runs, E_WORKER_MISSING where nobody would work on it */
  start(job: JobToStart): Promise<void>;
  /** Newest first. @throws E_CONFIG where the server does not know an attribute */
  list(wanted: JobsWanted): Promise<readonly ListedJob[]>;
  /** Has the server keep search attributes of these names. @returns false where it does not */
  register(attributes: readonly string[]): Promise<boolean>;
  /** @throws E_JOB_MISSING */
  describe(id: string): Promise<ListedJob>;
  /** Leaves word for the job; it need not be taken by anybody now. @throws E_JOB_MISSING, E_JOB_ENDED */
  signal(id: string, name: string): Promise<void>;
  /**
   * Asks something of a running job and waits until it has answered.
   * @throws E_JOB_MISSING, E_JOB_ENDED, E_WORKER_MISSING where no worker takes it up for the job, or with what the job refuses it
   */
  update<Answer>(id: string, name: string, ...args: readonly unknown[]): Promise<Answer>;
  query<Answer>(id: string, name: string): Promise<Answer>;
  /** Queues on which a running job waits although nobody takes work from them. */
  starvedQueues(id: string): Promise<readonly string[]>;
  /** Asks the job to stop; what is done is kept. */
  cancel(id: string): Promise<void>;
  /** Waits for the job's end, and for a server that does not answer meanwhile. @throws the error that ended it */
  result<Result>(id: string): Promise<Result>;
  close(): Promise<void>;
}

/** Connects to the server. @throws E_UNREACHABLE, E_CREDENTIALS, E_NAMESPACE_MISSING */
export async function openJobs(place: TemporalPlace): Promise<Jobs> {
  const client = await connectTemporal(place);
  const handleOf = (id: string) => client.workflow.getHandle(jobWorkflowId(id));
  const closed = new AbortController();
  return {
    start: (job) => startJob(client, job),
    list: (wanted) => listJobs(client, wanted),
    register: (attributes) => registerAttributes(client, attributes),
    describe: (id) => found(id, async () => listed(await handleOf(id).describe())),
    signal: (id, name) => running(client, id, (handle) => handle.signal(name)),
    update: (id, name, ...args) =>
      running(client, id, (handle) => answered(client, () => handle.executeUpdate(name, { args: args as [] }))),
    query: (id, name) => found(id, () => answered(client, () => handleOf(id).query(name))),
    cancel: (id) => found(id, async () => void (await handleOf(id).cancel())),
    starvedQueues: (id) => found(id, () => starvedQueues(client, handleOf(id))),
    result: (id) =>
      found(id, () => patiently(() => handleOf(id).result(), closed.signal)).catch((error: unknown) => {
        throw fromFailure(error) ?? error;
      }),
    close: async () => {
      closed.abort();
      await client.connection.close();
    },
  };
}

async function listJobs(client: Client, { limit, status, attributes = {} }: JobsWanted): Promise<readonly ListedJob[]> {
  const conditions = [
    `WorkflowId STARTS_WITH "${idPrefix}"`,
    ...(status === undefined ? [] : [`ExecutionStatus = "${status}"`]),
    ...Object.entries(attributes).map(([name, values]) => attributeIs(name, values)),
  ];
  const jobs: ListedJob[] = [];
  try {
    for await (const execution of client.workflow.list({ query: conditions.join(" AND ") })) {
      if (jobs.length >= limit) break;
      jobs.push(listed(execution));
    }
    return jobs;
  } catch (error) {
    const { cause } = error as Error;
    // So it answers a query that names what there is not.
    if (!isGrpcServiceError(cause) || cause.code !== grpcCodes.invalidArgument) throw error;
    throw new MillraceError("E_CONFIG", "the Temporal server cannot find jobs by that", {
      why: cause.details,
      fix: `Have it keep the search attributes ${Object.keys(attributes).join(", ")}, all keywords.`,
      cause: error,
    });
  }
}

async function startJob(client: Client, job: JobToStart): Promise<void> {
  const { id, workflow, queue, input, needs, attributes = {} } = job;
  for (const name of [queue, ...needs]) await requireWorker(client, name);
  try {
    await client.workflow.start(workflow, {
      taskQueue: queue,
      workflowId: jobWorkflowId(id),
      args: [input],
      typedSearchAttributes: attributePairs(attributes),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new MillraceError("E_JOB_RUNNING", `the job ${id} is running already`, {
      fix: `Follow it with: millrace jobs watch ${id}`,
      cause: error,
    });
  }
}

/** Of the server's enumeration: a worker that takes the jobs of its build. */
const versioned = 2;

/** A queue that nobody polls would let the job wait in silence. */
async function requireWorker(client: Client, queue: string): Promise<void> {
  const isOrchestration = queue.endsWith("orchestrate");
  const { pollers, versioningInfo } = await client.connection.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    // 1 is a queue of workflow tasks, 2 of activities.
    taskQueueType: isOrchestration ? 1 : 2,
  });
  const [version, ...others] = (pollers ?? []).map(({ deploymentOptions }) => deploymentOptions);
  const isVersioned = [version, ...others].every((options) => options?.workerVersioningMode === versioned);
  if (isOrchestration && isVersioned && !versioningInfo?.currentDeploymentVersion?.buildId) {
    const { deploymentName, buildId } = version ?? {};
    throw new MillraceError("E_WORKER_MISSING", `no build of the deployment ${deploymentName} is its current one`, {
      why: "its workers take no new job until one is",
      fix: `Make it so: temporal worker deployment set-current-version --deployment-name ${deploymentName} --build-id ${buildId}`,
    });
  }
  if ((pollers ?? []).length > 0) return;
  throw new MillraceError("E_WORKER_MISSING", `no worker takes work from ${queue}`, {
    fix: `Start one with: millrace worker --model <the same model>${queue.includes("-generate-") ? " --queues orchestrate,io,generate" : ""}`,
  });
}

/** A job answers as soon as a worker has it; the first time after a worker's death, that takes ten seconds. */
const answerMilliseconds = 15_000;

/** Awaits what only a worker that orchestrates can answer. @throws E_WORKER_MISSING where none does */
async function answered<Answer>(client: Client, ask: () => Promise<Answer>): Promise<Answer> {
  const deadline = new AbortController();
  const silence = delay(answerMilliseconds, undefined, { signal: deadline.signal }).then(() => {
    deadline.abort();
    throw new MillraceError("E_WORKER_MISSING", `the job has not answered for ${answerMilliseconds / 1_000} s`, {
      why: "no worker takes work from its queue, or all are busy",
      fix: "Start one with: millrace worker --queues orchestrate",
    });
  });
  silence.catch(() => {});
  try {
    // Without the signal, a call that nobody answers would keep the process alive.
    const answer = client.withAbortSignal(deadline.signal, ask);
    return await Promise.race([
      answer.catch((error) => (deadline.signal.aborted ? silence : Promise.reject(error))),
      silence,
    ]);
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw fromFailure(error.cause) ?? error;
    throw error;
  } finally {
    deadline.abort();
  }
}

/** Does something with a job that must be running. */
async function running<Result>(
  client: Client,
  id: string,
  act: (handle: WorkflowHandle) => Promise<Result>,
): Promise<Result> {
  const handle = client.workflow.getHandle(jobWorkflowId(id));
  try {
    return await act(handle);
  } catch (error) {
    const isUnanswered = error instanceof MillraceError && error.code === "E_WORKER_MISSING";
    if (!isUnanswered && !(error instanceof WorkflowNotFoundError)) throw error;
    const { status } = await found(id, () => handle.describe());
    if (status.name === "RUNNING") throw error;
    throw new MillraceError("E_JOB_ENDED", `the job ${id} is not running: it is ${status.name.toLowerCase()}`, {
      fix: "The same command starts it again.",
      cause: error,
    });
  }
}

interface Execution {
  readonly workflowId: string;
  readonly status: { readonly name: string };
  readonly type: string;
  readonly startTime: Date;
  readonly closeTime?: Date;
  readonly historyLength?: number;
}

function listed({ workflowId: id, status, type, startTime, closeTime, historyLength = 0 }: Execution): ListedJob {
  return {
    id: id.slice(idPrefix.length),
    status: status.name,
    workflow: type,
    startedAt: startTime,
    events: historyLength,
    ...(closeTime === undefined ? {} : { closedAt: closeTime }),
  };
}

const betweenCalls = 1_000;

/** Calls again while the server does not answer: the client itself gives up after some tries. */
async function patiently<Result>(call: () => Promise<Result>, stop: AbortSignal): Promise<Result> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (stop.aborted || !isSilence(error)) throw error;
      await delay(betweenCalls, undefined, { signal: stop }).catch(() => {});
    }
  }
}

/** Of calls that were not answered: a deadline, a server that is gone, and connections that break. */
const { cancelled, unknown, deadlineExceeded, internal, unavailable } = grpcCodes;
const silences: ReadonlySet<number> = new Set([cancelled, unknown, deadlineExceeded, internal, unavailable]);

function isSilence(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && silences.has(cause.code);
}

async function found<Result>(id: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new MillraceError("E_JOB_MISSING", `there is no job ${id}`, {
      fix: "List them with: millrace jobs list",
      cause: error,
    });
  }
}
