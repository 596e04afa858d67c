import type { Client, WorkflowExecutionDescription, WorkflowHandle } from "@temporalio/client";

/** Work that nobody has taken for this long waits for a worker: one that has nothing to do takes it at once. */
const patienceMilliseconds = 5_000;

/** A step gives a sign of life every five seconds: without one for so long, its worker is dead. */
const silenceMilliseconds = 12_000;

/** Of the server's enumerations: a task that was not taken, and the two kinds of queues. */
const scheduled = 1;
const queueTypes = { workflow: 1, activity: 2 } as const;

/** What a job has on one queue. */
interface Waiting {
  readonly queue: string;
  readonly type: number;
  /** When the oldest task was put there that nobody has taken, in milliseconds since 1970. */
  readonly since: number;
}

/**
 * Queues with work of the job that nobody takes: it waits there, none of the job's steps of that queue gives signs of life, and no
 * worker has asked for work since. Whether workers are dead or busy with other jobs for long, the server does not know.
 */
export async function starvedQueues(client: Client, handle: WorkflowHandle): Promise<readonly string[]> {
  const description = await handle.describe();
  if (description.status.name !== "RUNNING") return [];
  const starved: string[] = [];
  for (const waiting of waitingIn(description, Date.now()))
    if (!(await isAskedFor(client, waiting))) starved.push(waiting.queue);
  return starved.sort();
}

function waitingIn({ raw, taskQueue }: WorkflowExecutionDescription, now: number): readonly Waiting[] {
  const waiting = new Map<string, Waiting>();
  const alive = new Set<string>();
  const add = (queue: string, type: number, since: number) => {
    if (since === 0 || now - since < patienceMilliseconds) return;
    const earlier = waiting.get(queue)?.since ?? since;
    waiting.set(queue, { queue, type, since: Math.min(earlier, since) });
  };
  for (const { state, activityOptions, scheduledTime, lastStartedTime, lastHeartbeatTime } of raw.pendingActivities ??
    []) {
    const queue = activityOptions?.taskQueue?.name;
    if (typeof queue !== "string") continue;
    if (state === scheduled) add(queue, queueTypes.activity, timeOf(scheduledTime));
    else if (now - Math.max(timeOf(lastStartedTime), timeOf(lastHeartbeatTime)) < silenceMilliseconds) alive.add(queue);
  }
  const { state, originalScheduledTime } = raw.pendingWorkflowTask ?? {};
  if (state === scheduled) add(taskQueue, queueTypes.workflow, timeOf(originalScheduledTime));
  return [...waiting.values()].filter(({ queue }) => !alive.has(queue));
}

async function isAskedFor(client: Client, { queue, type, since }: Waiting): Promise<boolean> {
  const { pollers } = await client.connection.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    taskQueueType: type,
  });
  return (pollers ?? []).some(({ lastAccessTime }) => timeOf(lastAccessTime) > since);
}

interface Timestamp {
  readonly seconds?: { toString(): string } | number | null;
  readonly nanos?: number | null;
}

/** Milliseconds since 1970; 0 for none. */
function timeOf(timestamp: Timestamp | null | undefined): number {
  return Number(timestamp?.seconds ?? 0) * 1_000 + (timestamp?.nanos ?? 0) / 1e6;
}
