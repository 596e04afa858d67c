import { describe, expect, test } from "@jest/globals";
import type { Job } from "@millrace/core";
import { createEmbeddedRuntime, embedCorpus, embedShard, Interrupted, type Runtime } from "@millrace/workflows";
import { recordedSteps } from "../support/recorded-steps.ts";

const job = { full: false } as Job;
const shard = { id: "shard", objects: [], fromRow: 0, fromByte: 0, isFull: false };

describe("embedShard", () => {
  test("splits the next part while one is encoded, and has at most two parts under way", async () => {
    const steps = recordedSteps({ parts: 6, batches: 3, takes: 4 });
    await embedShard(createEmbeddedRuntime({ steps, hosts: 2 }), job, shard);
    const position = (event: string) => steps.events.indexOf(event);
    expect(position("split 1 begun")).toBeLessThan(position("encode 0-0 ended"));
    for (let part = 0; part < 6; part += 1) {
      for (let batch = 0; batch < 3; batch += 1) {
        expect(position(`write ${part} begun`)).toBeGreaterThan(position(`encode ${part}-${batch} ended`));
      }
      if (part >= 2) expect(position(`encode ${part}-0 begun`)).toBeGreaterThan(position(`write ${part - 2} ended`));
      if (part >= 3) expect(position(`split ${part} begun`)).toBeGreaterThan(position(`write ${part - 3} ended`));
    }
  });

  test("writes nothing of which a batch failed", async () => {
    const steps = recordedSteps({ parts: 3, batches: 2 });
    const broken = { ...steps, encode: async () => Promise.reject(new Error("no encoder")) };
    await expect(embedShard(createEmbeddedRuntime({ steps: broken, hosts: 2 }), job, shard)).rejects.toThrow(
      "no encoder",
    );
    expect(steps.events.filter((event) => event.startsWith("write"))).toEqual([]);
  });
});

describe("embedCorpus", () => {
  const passes = async (steps: ReturnType<typeof recordedSteps>, full = false) => {
    const summary = await embedCorpus(createEmbeddedRuntime({ steps, hosts: 1 }), { full } as Job);
    return { fulls: steps.planned.map((planned) => planned.full), summary };
  };

  test("a fresh plan is one pass", async () => {
    const { fulls } = await passes(recordedSteps({ parts: 1, batches: 1 }));
    expect(fulls).toEqual([false]);
  });

  test("a plan that was left is finished, then a pass of its own follows; what was done is added up", async () => {
    const { fulls, summary } = await passes(recordedSteps({ parts: 1, batches: 1, resumedPasses: 1 }));
    expect(fulls).toEqual([false, false]);
    expect([summary.worked.documents, summary.deletedPoints]).toEqual([2, 2]);
  });

  test("objects that change for ever end after four passes", async () => {
    const { fulls, summary } = await passes(recordedSteps({ parts: 1, batches: 1, changingPasses: 99 }));
    expect(fulls).toHaveLength(4);
    expect(summary.changedObjects).toBe(1);
  });

  test("only one pass is full", async () => {
    const { fulls } = await passes(recordedSteps({ parts: 1, batches: 1, changingPasses: 2 }), true);
    expect(fulls).toEqual([true, false, false]);
  });

  test("a stop finishes what is under way and begins nothing", async () => {
    const stop = new AbortController();
    const steps = recordedSteps({ parts: 50, batches: 2, takes: 3 });
    const runtime: Runtime = createEmbeddedRuntime({
      steps,
      hosts: 2,
      stop: stop.signal,
      report: ({ kind }) => {
        if (kind === "written" && !stop.signal.aborted) {
          stop.abort();
          begunBefore = steps.events.filter((event) => event.endsWith("begun")).length;
        }
      },
    });
    let begunBefore = 0;
    await expect(embedCorpus(runtime, job)).rejects.toThrow(Interrupted);
    const begun = steps.events.filter((event) => event.endsWith("begun"));
    expect(steps.events.filter((event) => event.endsWith("ended"))).toHaveLength(begun.length);
    const after = begun.slice(begunBefore).filter((event) => !/^write/.test(event));
    expect(after).toEqual([]);
  });
});
