import { describe, expect, test } from "@jest/globals";
import type { Job } from "@millrace/core";
import { beginning, createEmbeddedRuntime, embedCorpus, embedCorpusFrom, type Position } from "@millrace/workflows";
import fc from "fast-check";
import { recordedSteps } from "../support/recorded-steps.ts";

const job = { full: false } as Job;

describe("a job that rests", () => {
  test("does each step once, whenever it rests, and its position is plain JSON", async () => {
    const shape = { parts: 5, batches: 2, takes: 0, resumedPasses: 1 };
    const straight = recordedSteps(shape);
    const summary = await embedCorpus(createEmbeddedRuntime({ steps: straight, hosts: 2 }), job);
    const worked = (events: readonly string[]) => events.filter((event) => !/^plan/.test(event)).toSorted();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 12 }), async (rests) => {
        const steps = recordedSteps(shape);
        let position: Position = beginning(job.full);
        for (let run = 0; ; run += 1) {
          let questions = rests[run] ?? Number.POSITIVE_INFINITY;
          const runtime = createEmbeddedRuntime({ steps, hosts: 2 });
          questions += 1;
          const outcome = await embedCorpusFrom({ ...runtime, wantsRest: () => --questions <= 0 }, job, position);
          if ("summary" in outcome) {
            expect(outcome.summary).toEqual(summary);
            break;
          }
          position = JSON.parse(JSON.stringify(outcome.rest)) as Position;
        }
        expect(worked(steps.events)).toEqual(worked(straight.events));
      }),
      { numRuns: 60, seed: 11 },
    );
  });
});
