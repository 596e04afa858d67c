import { setImmediate as quiet } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { type BatchRef, type Job, noCounts, noPlanCounts, type Shard, type Steps } from "@millrace/core";
import { createEmbeddedRuntime, createInTurn, embedCorpus, type InTurn, Slots } from "@millrace/workflows";
import fc from "fast-check";
import { vectorsOf } from "../support/recorded-steps.ts";

const job = { full: false } as Job;
const shards = 5;
const parts = 4;
const batches = 3;
const blob = { key: "", bytes: 0, sha256: "" };

/** Calls of steps that end when the test says so, as activities do, and what was begun in which order. */
class HeldSteps {
  readonly begun: string[] = [];
  private readonly ends: (() => void)[] = [];

  constructor(private readonly inTurn: InTurn) {}

  get underWay(): number {
    return this.ends.length;
  }

  /** Ends the call that was begun first among those under way. */
  endOldest(): void {
    this.ends.shift()?.();
  }

  readonly steps: Steps = {
    plan: (_, page) =>
      this.hold(`plan ${page}`, { page, shards: planned, removed: [], counts: noPlanCounts, ...fresh }),
    split: (_, shard) => this.hold(`split ${shard.id}`, splitOf(shard)),
    encode: (_, refs) => this.hold(`encode ${refs[0]?.shard}/${refs[0]?.index}`, refs.map(vectorsOf)),
    write: (_, shard) => this.hold(`write ${shard.id}`, []),
    commit: () => this.hold("commit", summary),
  };

  private hold<Result>(name: string, result: Result): Promise<Result> {
    this.begun.push(name);
    return this.inTurn(new Promise((resolve) => this.ends.push(() => resolve(result))));
  }
}

const fresh = { isResumed: false, isFull: false };
const summary = { documents: 1, objects: 1, deletedPoints: 0, points: 1, changedObjects: 0, worked: noCounts };
const planned: readonly Shard[] = Array.from({ length: shards }, (_, index) => {
  return { id: `${index}`, objects: [], fromRow: 0, fromByte: 0, isFull: false };
});

/** The n-th shard has n batches more in each part, so that shards are not in step. */
function splitOf(shard: Shard) {
  const [name = "", part = "0"] = shard.id.split(".");
  const refs = Array.from({ length: batches + Number(name) }, (_, index): BatchRef => {
    return { ...blob, shard: shard.id, index, chunks: 1, tokens: 1 };
  });
  const rest = Number(part) + 1 < parts ? { rest: { ...shard, id: `${name}.${Number(part) + 1}` } } : {};
  return { batches: refs, counts: noCounts, isDone: false, ...rest };
}

/** What is begun where the oldest calls end first, so many at once. */
async function begunWith(inTurn: InTurn, groups: readonly number[]): Promise<readonly string[]> {
  const held = new HeldSteps(inTurn);
  const runtime = createEmbeddedRuntime({ steps: held.steps, hosts: 2 });
  const windows = { shards: 3, encodes: 2, batchesPerEncode: 2 };
  const slots = new Slots(5);
  const encode: Steps["encode"] = async (...args) => {
    await slots.take(args[1].length);
    return held.steps.encode(...args).finally(() => slots.give(args[1].length));
  };
  let isOver = false;
  const run = embedCorpus({ ...runtime, steps: { ...held.steps, encode }, windows }, job).finally(() => {
    isOver = true;
  });
  for (let turn = 0; !isOver; turn += 1) {
    const size = Math.min(held.underWay, groups[turn % groups.length] ?? 1);
    for (let ended = 0; ended < size; ended += 1) held.endOldest();
    await quiet();
    await quiet();
  }
  await run;
  return held.begun;
}

describe("createInTurn", () => {
  test("what is begun depends on the order in which steps end, and not on which of them end together", async () => {
    const alone = await begunWith(createInTurn(), [1]);
    expect(new Set(alone).size).toBe(alone.length);
    const groups = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(groups, async (sizes) => expect(await begunWith(createInTurn(), sizes)).toEqual(alone)),
      { numRuns: 60, seed: 7 },
    );
  });

  test("without it, it does depend on that", async () => {
    const direct: InTurn = (outcome) => outcome;
    expect(await begunWith(direct, [6])).not.toEqual(await begunWith(direct, [1]));
  });

  test("an outcome that is an error comes in its turn, and does not stop those behind it", async () => {
    const inTurn = createInTurn();
    const ends: string[] = [];
    const note = (name: string) => () => void ends.push(name);
    await Promise.all([
      inTurn(Promise.resolve(1)).then(note("first")),
      inTurn(Promise.reject(new Error("no"))).catch(note("failed")),
      inTurn(Promise.resolve(3)).then(note("third")),
    ]);
    expect(ends).toEqual(["first", "failed", "third"]);
  });
});
