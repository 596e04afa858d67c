import { describe, expect, test } from "@jest/globals";
import { type Operation, type ScheduledRow, Scheduler, type SchedulerLimits } from "@millrace/workers";
import fc from "fast-check";

interface Row extends ScheduledRow {
  readonly name: number;
  /** Tokens of its answer. */
  readonly answer: number;
  /** When it comes: after so many operations. */
  readonly comesAt: number;
}

const limits = fc.record({
  slots: fc.integer({ min: 1, max: 5 }),
  capacity: fc.constant(40),
  chunkTokens: fc.integer({ min: 1, max: 9 }),
  stepTokens: fc.integer({ min: 1, max: 40 }),
});

/** Prompts of few different tokens, so that they often begin alike. */
const rows = fc.array(
  fc.record({
    prompt: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 24 }),
    answer: fc.integer({ min: 1, max: 12 }),
    comesAt: fc.integer({ min: 0, max: 60 }),
  }),
  { minLength: 1, maxLength: 16 },
);

/** Does what a scheduler says over slots that hold tokens, and says whatever is not as it should be. */
class Machine {
  /** What stands for keys and values: the token, and how its run was cut. */
  private readonly slots: (readonly string[])[];
  readonly answered: Row[] = [];
  readonly chunks = new Map<Row, string[]>();
  readonly order: Row[] = [];
  private readonly generated = new Map<Row, number>();
  operations = 0;
  mostTokensBetween = 0;
  private since = 0;

  constructor(
    private readonly scheduler: Scheduler<Row>,
    private readonly limits: SchedulerLimits,
  ) {
    this.slots = Array.from({ length: limits.slots + 1 }, () => []);
  }

  perform(operation: Operation<Row>): void {
    this.operations += 1;
    if (operation.kind === "copy") {
      const kept = (this.slots[operation.from] as readonly string[]).slice(0, operation.tokens);
      this.slots[operation.to] = kept;
      return;
    }
    if (operation.kind === "prefill") {
      this.read(operation);
      return;
    }
    this.mostTokensBetween = Math.max(this.mostTokensBetween, this.since + operation.rows.length);
    this.since = 0;
    expect(operation.rows.length).toBeLessThanOrEqual(this.limits.slots);
    for (const [slot, row] of operation.rows.entries()) {
      const done = this.generated.get(row) as number;
      // The slot holds exactly this row's tokens as its own runs would leave them; what lies behind is of no matter.
      const held = (this.slots[slot] as readonly string[]).slice(0, row.promptIds.length + done - 1);
      expect(held).toEqual(contentOf(row, this.limits.chunkTokens, done - 1));
      this.slots[slot] = [...held, `${row.name}:${done}`];
      expect(this.slots[slot]?.length).toBeLessThanOrEqual(this.limits.capacity);
    }
    for (const row of operation.rows) this.advance(row);
  }

  private read({ row, from, to, isLast }: Extract<Operation<Row>, { kind: "prefill" }>): void {
    const staging = this.slots[this.limits.slots] as readonly string[];
    expect(staging.slice(0, from)).toEqual(contentOf(row, this.limits.chunkTokens, 0).slice(0, from));
    if (!this.order.includes(row)) this.order.push(row);
    this.chunks.set(row, [...(this.chunks.get(row) ?? []), `${from}-${to}`]);
    const read = contentOf(row, this.limits.chunkTokens, 0).slice(from, to);
    this.slots[this.limits.slots] = [...staging.slice(0, from), ...read];
    // While nothing is decoded nobody waits.
    if (this.generated.size > this.answered.length) this.since += to - from;
    if (isLast) this.advance(row);
  }

  private advance(row: Row): void {
    const done = (this.generated.get(row) ?? 0) + 1;
    this.generated.set(row, done);
    if (done < row.answer) return;
    this.answered.push(row);
    this.scheduler.remove(row);
  }
}

/** What runs of a row alone leave: each token of the prompt with the chunk it was read in, then those of the answer. */
function contentOf({ promptIds, name }: Row, chunk: number, answered: number): readonly string[] {
  const prompt = [...promptIds].map((token, place) => {
    const start = place - (place % chunk);
    return `${promptIds.slice(0, start + chunk).join("")}@${place}=${token}`;
  });
  return [...prompt, ...Array.from({ length: answered }, (_, index) => `${name}:${index + 1}`)];
}

function play(rows: readonly Row[], limits: SchedulerLimits): Machine {
  const scheduler = new Scheduler<Row>(limits);
  const machine = new Machine(scheduler, limits);
  const coming = [...rows].sort((a, b) => a.comesAt - b.comesAt || a.name - b.name);
  for (let turn = 0; turn < 20_000 && machine.answered.length < rows.length; turn += 1) {
    while ((coming[0]?.comesAt ?? Number.POSITIVE_INFINITY) <= turn) scheduler.add(coming.shift() as Row);
    const operation = scheduler.next();
    if (operation !== undefined) machine.perform(operation);
  }
  return machine;
}

const named = (given: readonly { prompt: number[]; answer: number; comesAt: number }[]): readonly Row[] =>
  given.map(({ prompt, answer, comesAt }, name) => ({
    name,
    promptIds: Int32Array.from(prompt),
    answer,
    comesAt,
    tokens: prompt.length + answer,
  }));

describe("a scheduler", () => {
  test("answers every row, in memory that holds what the row's own runs would leave there", () => {
    fc.assert(
      fc.property(rows, limits, (given, limits) => {
        const all = named(given);
        const { answered, order } = play(all, limits);
        expect([...answered].sort((a, b) => a.name - b.name)).toEqual(all);
        // Whoever came first begins first.
        expect(order.map(({ comesAt }) => comesAt)).toEqual(order.map(({ comesAt }) => comesAt).sort((a, b) => a - b));
      }),
      { numRuns: 40 },
    );
  });

  test("cuts a prompt at the same places whatever else there is, and leaves out only whole chunks from the front", () => {
    fc.assert(
      fc.property(rows, limits, (given, limits) => {
        const all = named(given);
        const { chunks } = play(all, limits);
        for (const row of all) {
          const alone = play([row], limits).chunks.get(row) as string[];
          const beside = chunks.get(row) as string[];
          expect(alone.slice(-beside.length)).toEqual(beside);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("lets no row wait for more tokens than a step has, but for one chunk", () => {
    fc.assert(
      fc.property(rows, limits, (given, limits) => {
        const together = named(given).map((row) => ({
          ...row,
          comesAt: 0,
          answer: 12,
          tokens: row.promptIds.length + 12,
        }));
        const scheduler = new Scheduler<Row>(limits);
        const machine = new Machine(scheduler, limits);
        for (const row of together) scheduler.add(row);
        for (let operation = scheduler.next(); operation !== undefined; operation = scheduler.next())
          machine.perform(operation);
        expect(machine.mostTokensBetween).toBeLessThanOrEqual(
          Math.max(limits.stepTokens, limits.chunkTokens + limits.slots),
        );
      }),
      { numRuns: 40 },
    );
  });

  test("reads what many prompts begin with once", () => {
    const system = Array.from({ length: 16 }, (_, index) => index % 2);
    const all = named([2, 3, 4].map((last) => ({ prompt: [...system, last], answer: 3, comesAt: 0 })));
    const { chunks } = play(all, { slots: 2, capacity: 40, chunkTokens: 8, stepTokens: 40 });
    expect(all.map((row) => chunks.get(row))).toEqual([["0-8", "8-16", "16-17"], ["16-17"], ["16-17"]]);
  });

  test("takes nobody out by mistake: rows that are given up leave the others as they are", () => {
    fc.assert(
      fc.property(rows, limits, fc.array(fc.nat(15)), (given, limits, given_up) => {
        const all = named(given).map((row) => ({ ...row, comesAt: 0 }));
        const scheduler = new Scheduler<Row>(limits);
        const machine = new Machine(scheduler, limits);
        for (const row of all) scheduler.add(row);
        const left = [...given_up];
        const gone = new Set<Row>();
        for (let operation = scheduler.next(); operation !== undefined; operation = scheduler.next()) {
          machine.perform(operation);
          const row = machine.operations % 3 === 0 ? all[left.shift() ?? -1] : undefined;
          if (row === undefined || machine.answered.includes(row)) continue;
          gone.add(row);
          scheduler.remove(row);
        }
        expect(new Set(machine.answered)).toEqual(new Set(all.filter((row) => !gone.has(row))));
        expect(scheduler.size).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});
