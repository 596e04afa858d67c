import {
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
  upsertSearchAttributes,
} from "@temporalio/workflow";
import { Gate } from "../gate.js";
import { createInTurn, type InTurn } from "../in-turn.js";
import { Slots } from "../slots.js";
import { attributes } from "./attributes.js";

/** What every job tells of itself. */
export interface SteeredProgress {
  /** `working`, and what comes after it, up to `done`. */
  readonly phase: string;
  readonly isPaused: boolean;
  /** Batches that workers have been given, and how many may be at once. */
  readonly batches: { readonly underWay: number; readonly limit: number };
}

/** Takes no new work until `resume`; what is under way is finished. As a signal it needs no worker to be there now. */
export const pauseSignal = defineSignal("pause");
export const resumeSignal = defineSignal("resume");
/** The same, answered when the job has heard of it, with what it has done so far. */
export const pauseUpdate = defineUpdate<SteeredProgress>("pause");
export const resumeUpdate = defineUpdate<SteeredProgress>("resume");
/** How many batches may be under way at once from now on. Those that are, are finished. */
export const scaleUpdate = defineUpdate<SteeredProgress, [batches: number]>("scale");
export const progressQuery = defineQuery<SteeredProgress>("progress");

/** More are not to be under way at once: the job's state and its histories grow with them. */
const mostBatches = 10_000;

/** A new history is the one place where a job may go over to another build of the workers: it is read from its beginning. */
export const upgrading = { initialVersioningBehavior: "AUTO_UPGRADE" } as const;

/** What a job that can be steered is started with. */
export interface SteeredInput<Progress extends SteeredProgress> {
  /** Batches under way at the same time: as many as all workers together are expected to work on. */
  readonly batches: number;
  /** The server keeps the search attributes of `attributes.ts`. Without them, setting one would hold the job up for ever. */
  readonly isSearchable?: boolean;
  /** What the run before this one had done, where it rested. */
  readonly progress?: Progress;
}

/** How a job is paused, resumed, scaled and asked how far it is. */
export interface Steering<Progress extends SteeredProgress> {
  readonly slots: Slots;
  readonly inTurn: InTurn;
  /** Resolves at once, or when the job is no longer paused; throws where it is cancelled. */
  checkpoint(): Promise<void>;
  current(): Progress;
  change(change: (sum: Progress) => Progress): void;
}

/** Lets the workflow that calls it be steered. */
export function openSteering<Progress extends SteeredProgress>(
  input: SteeredInput<Progress>,
  noProgress: Progress,
): Steering<Progress> {
  let progress: Progress = { ...noProgress, ...input.progress };
  const inTurn = createInTurn();
  const slots = new Slots(input.batches);
  const gate = new Gate(progress.isPaused);
  const current = (): Progress => ({
    ...progress,
    isPaused: gate.isClosed,
    batches: { underWay: slots.taken, limit: slots.limit },
  });
  // What is asked of the job comes in its turn, as steps' outcomes do.
  const steered = async (act: () => void) => {
    await inTurn(Promise.resolve());
    act();
    show();
    return current();
  };
  let shown = input.progress === undefined ? undefined : phaseOf(current());
  const show = () => {
    const phase = phaseOf(current());
    if (input.isSearchable && phase !== shown)
      upsertSearchAttributes([{ key: keyword(attributes.phase), value: phase }]);
    shown = phase;
  };
  show();
  setHandler(pauseSignal, () => void steered(() => gate.close()));
  setHandler(resumeSignal, () => void steered(() => gate.open()));
  setHandler(pauseUpdate, () => steered(() => gate.close()));
  setHandler(resumeUpdate, () => steered(() => gate.open()));
  setHandler(scaleUpdate, (batches) => steered(() => slots.resize(batches)), { validator: checkBatches });
  setHandler(progressQuery, current);
  // Activities hear of a cancellation by themselves.
  CancellationScope.current().cancelRequested.catch((error: unknown) => void steered(() => gate.fail(error)));
  return {
    slots,
    inTurn,
    checkpoint: () => gate.passed(),
    current,
    change: (change) => {
      progress = change(progress);
      show();
    },
  };
}

/** A search attribute that is a keyword. */
export const keyword = (name: string) => ({ name, type: "KEYWORD" as const });

function phaseOf({ isPaused, phase }: SteeredProgress): string {
  return isPaused && phase === "working" ? "paused" : phase;
}

function checkBatches(batches: unknown): void {
  if (Number.isInteger(batches) && Number(batches) >= 1 && Number(batches) <= mostBatches) return;
  throw ApplicationFailure.nonRetryable(
    `${batches} batches cannot be under way: it must be 1 to ${mostBatches}`,
    "E_USAGE",
  );
}
