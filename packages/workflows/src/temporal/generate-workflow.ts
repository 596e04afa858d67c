import type { GenerateJob, GenerateSteps, GenerateSummary } from "@millrace/core";
import { makeContinueAsNewFunc, workflowInfo } from "@temporalio/workflow";
import { type GeneratePosition, type GenerateRuntime, generateCorpusFrom } from "../generate-corpus.js";
import { addGenerateProgress, type GenerateJobProgress, noGenerateProgress } from "./generate-progress.js";
import { generateQueue, ioQueue } from "./queues.js";
import { stepsOn } from "./runtime.js";
import { openSteering, type SteeredInput, type Steering, upgrading } from "./steering.js";
import { openJobSpans } from "./trace.js";

/** Steps of a generation job as a fleet's queues know them, where those of an index job have the shorter names. */
export interface GenerateActivities {
  readonly planPrompts: GenerateSteps["plan"];
  readonly splitPrompts: GenerateSteps["split"];
  readonly answerPrompts: GenerateSteps["generate"];
  readonly writeAnswers: GenerateSteps["write"];
  readonly commitAnswers: GenerateSteps["commit"];
}

/** What `generateCorpus` is started with. */
export interface GenerateCorpusInput extends SteeredInput<GenerateJobProgress> {
  readonly job: GenerateJob;
  /** Kind of device that generates. */
  readonly device: string;
  /** Where the run before this one rested. */
  readonly from?: GeneratePosition;
}

/** The workflow `generateCorpus`: the same orchestration as in one process; long jobs continue in new histories. */
export async function generateCorpus(input: GenerateCorpusInput): Promise<GenerateSummary> {
  const { job } = input;
  const steering = openSteering(input, noGenerateProgress);
  const spans = openJobSpans();
  const { steps, ...runtime } = runtimeOf(input, steering);
  const watched = { ...runtime, steps: spans.watchGeneration(steps) };
  const outcome = await spans.over(() => generateCorpusFrom(watched, job, input.from));
  const { slots, current, change } = steering;
  if ("rest" in outcome) {
    const rest = { batches: slots.limit, from: outcome.rest, progress: current() };
    return makeContinueAsNewFunc<typeof generateCorpus>(upgrading)({ ...input, ...rest });
  }
  change((sum) => ({ ...sum, phase: "done" }));
  spans.end();
  return outcome.summary;
}

function runtimeOf(
  { job, device }: GenerateCorpusInput,
  { slots, inTurn, checkpoint, change }: Steering<GenerateJobProgress>,
): GenerateRuntime {
  const corpus = stepsOn<GenerateActivities>(ioQueue, "24 hours");
  const batch = stepsOn<GenerateActivities>(ioQueue, "2 hours");
  const engine = stepsOn<GenerateActivities>(generateQueue(job.model.graph, device), "24 hours");
  return {
    steps: {
      plan: (...args) => inTurn(corpus.planPrompts(...args)),
      split: (...args) => inTurn(batch.splitPrompts(...args)),
      async generate(...args) {
        await slots.take(1);
        try {
          return await inTurn(engine.answerPrompts(...args));
        } finally {
          slots.give(1);
        }
      },
      write: (...args) => inTurn(batch.writeAnswers(...args)),
      commit: (...args) => inTurn(corpus.commitAnswers(...args)),
    },
    window: {
      /** One more waits, so that writing a batch's answers holds nobody up. */
      get limit() {
        return slots.limit + 1;
      },
      changed: () => slots.resized(),
    },
    checkpoint,
    wantsRest: () => workflowInfo().continueAsNewSuggested,
    report: (event) => change((sum) => addGenerateProgress(sum, event)),
  };
}
