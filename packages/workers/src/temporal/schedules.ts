import { MillraceError } from "@millrace/core";
import {
  ScheduleAlreadyRunning,
  type ScheduleHandle,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from "@temporalio/client";
import { connectTemporal, type TemporalPlace } from "./connect.js";
import { idPrefix } from "./ids.js";
import { registerAttributes } from "./search-attributes.js";

/** After an outage a start that was missed longer ago is not made up for: the next one does its work. */
const catchupWindow = "1 hour";

/** When a job starts by itself: cron expressions in UTC, or every so many milliseconds. */
export interface Timing {
  readonly cron: readonly string[];
  readonly everyMilliseconds?: number;
}

export interface ScheduleToCreate {
  readonly name: string;
  readonly timing: Timing;
  readonly workflow: string;
  readonly queue: string;
  readonly input: unknown;
}

export interface ListedSchedule {
  readonly name: string;
  readonly isPaused: boolean;
  /** When it starts its job next. */
  readonly next?: Date;
  /** When it started its job last. */
  readonly last?: Date;
}

/** Schedules on a Temporal server. A start is left out while the one before it runs. */
export interface Schedules {
  /** @throws E_USAGE where the timing is not one, or the name is taken */
  create(schedule: ScheduleToCreate): Promise<void>;
  list(): Promise<readonly ListedSchedule[]>;
  /** Starts its job now. @throws E_JOB_MISSING, as do the others */
  trigger(name: string): Promise<void>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  delete(name: string): Promise<void>;
  /** Has the server keep search attributes of these names. @returns false where it does not */
  register(attributes: readonly string[]): Promise<boolean>;
  close(): Promise<void>;
}

/** Connects to the server. @throws E_UNREACHABLE, E_CREDENTIALS, E_NAMESPACE_MISSING */
export async function openSchedules(place: TemporalPlace): Promise<Schedules> {
  const client = await connectTemporal(place);
  const onHandle = async (name: string, act: (handle: ScheduleHandle) => Promise<unknown>) => {
    try {
      await act(client.schedule.getHandle(`${idPrefix}${name}`));
    } catch (error) {
      throw error instanceof ScheduleNotFoundError ? missing(name, error) : error;
    }
  };
  return {
    async create({ name, timing, workflow, queue, input }) {
      const scheduleId = `${idPrefix}${name}`;
      const { cron, everyMilliseconds } = timing;
      try {
        await client.schedule.create({
          scheduleId,
          spec: {
            cronExpressions: [...cron],
            ...(everyMilliseconds === undefined ? {} : { intervals: [{ every: everyMilliseconds }] }),
          },
          policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow },
          action: {
            type: "startWorkflow",
            workflowType: workflow,
            workflowId: `${scheduleId}/run`,
            taskQueue: queue,
            args: [input],
          },
        });
      } catch (error) {
        throw refused(name, error);
      }
    },
    async list() {
      const schedules: ListedSchedule[] = [];
      for await (const { scheduleId, state, info } of client.schedule.list()) {
        if (!scheduleId.startsWith(idPrefix)) continue;
        const [next] = info?.nextActionTimes ?? [];
        const last = info?.recentActions.at(-1)?.takenAt;
        schedules.push({
          name: scheduleId.slice(idPrefix.length),
          isPaused: state.paused,
          ...(next === undefined ? {} : { next }),
          ...(last === undefined ? {} : { last }),
        });
      }
      return schedules;
    },
    trigger: (name) => onHandle(name, (handle) => handle.trigger()),
    pause: (name) => onHandle(name, (handle) => handle.pause()),
    resume: (name) => onHandle(name, (handle) => handle.unpause()),
    delete: (name) => onHandle(name, (handle) => handle.delete()),
    register: (attributes) => registerAttributes(client, attributes),
    close: () => client.connection.close(),
  };
}

function missing(name: string, cause: unknown): MillraceError {
  return new MillraceError("E_JOB_MISSING", `there is no schedule ${name}`, {
    fix: "List them with: millrace schedule list",
    cause,
  });
}

function refused(name: string, error: unknown): MillraceError {
  const isTaken = error instanceof ScheduleAlreadyRunning;
  return new MillraceError("E_USAGE", `the schedule ${name} cannot be created`, {
    why: isTaken ? "there is one of this name" : reasonOf(error),
    fix: isTaken ? `Delete it first: millrace schedule delete ${name}` : "Check --cron or --every.",
    cause: error,
  });
}

/** The server's own words are in the cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
