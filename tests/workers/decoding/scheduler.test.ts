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
  sources: fc.constant(32),
  chunkTokens: fc.integer({ min: 1, max: 9 }),
  stepTokens: fc.integer({ min: 1, max: 40 }),
});

const widths = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 });

/** Prompts of few different tokens, so that they often begin alike. */
const rows = fc.array(
  fc.record({
    prompt: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 24 }),
    answer: fc.integer({ min: 1, max: 12 }),
    comesAt: fc.integer({ min: 0, max: 60 }),
  }),
  { minLength: 1, maxLength: 16 },
);

/** What stands for keys and values: the token, and how its run was cut; and the row whose source is beside them. */
interface Slot {
  readonly tokens: readonly string[];
  readonly source: string;
}

/** Does what a scheduler says over slots that hold tokens, and says whatever is not as it should be. */
class Machine {
  private readonly slots: Slot[];
  readonly answered: Row[] = [];
  readonly chunks = new Map<Row, string[]>();
  readonly order: Row[] = [];
  readonly encoded: (readonly Row[])[] = [];
  private readonly taken = new Map<Row, number>();
  /** Of each branch of a row, the tokens behind its prompt that have keys and values. */
  private readonly behind = new Map<Row, (readonly string[])[]>();
  operations = 0;
  mostTokensBetween = 0;
  private since = 0;

  constructor(
    private readonly scheduler: Scheduler<Row>,
    private readonly limits: SchedulerLimits,
  ) {
    this.slots = Array.from({ length: limits.slots + 1 }, () => ({ tokens: [], source: "" }));
  }

  perform(operation: Operation<Row>): void {
    this.operations += 1;
    if (operation.kind === "copy") this.copy(operation);
    else if (operation.kind === "encode") this.encode(operation);
    else if (operation.kind === "prefill") this.read(operation);
    else this.decode(operation.slots);
  }

  private copy({ from, to, tokens }: Extract<Operation<Row>, { kind: "copy" }>): void {
    const held = this.slots[from] as Slot;
    const { source } = this.slots[to] as Slot;
    this.slots[to] = tokens === undefined ? held : { tokens: held.tokens.slice(0, tokens), source };
  }

  private encode({ rows, slots }: Extract<Operation<Row>, { kind: "encode" }>): void {
    this.encoded.push(rows);
    const [length = 0] = rows.map(({ sources }) => sources);
    expect(rows.map(({ source }) => source?.length)).toEqual(rows.map(() => length));
    expect(rows.length * Math.ceil(length / 16) * 16).toBeLessThanOrEqual(this.limits.sources);
    for (const [index, row] of rows.entries()) {
      expect(slots[index]?.length).toBe(row.width);
      for (const slot of slots[index] ?? []) this.slots[slot] = { tokens: [], source: `${row.name}` };
      this.behind.set(
        row,
        Array.from({ length: row.width }, () => []),
      );
      this.taken.set(row, 0);
    }
  }

  private decode(slots: Extract<Operation<Row>, { kind: "decode" }>["slots"]): void {
    this.mostTokensBetween = Math.max(this.mostTokensBetween, this.since + slots.length);
    this.since = 0;
    expect(slots.length).toBeLessThanOrEqual(this.limits.slots);
    const rows = new Set(slots.map(({ row }) => row));
    for (const row of rows) expect(slots.filter((each) => each.row === row).length).toBe(row.width);
    for (const [slot, { row, branch }] of slots.entries()) {
      const behind = this.behind.get(row)?.[branch] as readonly string[];
      const begun = row.source === undefined ? contentOf(row, this.limits.chunkTokens) : [];
      // The slot holds exactly this branch's tokens as its own runs would leave them; what lies behind is of no matter.
      const { tokens, source } = this.slots[slot] as Slot;
      const held = tokens.slice(0, begun.length + behind.length);
      expect(held).toEqual([...begun, ...behind]);
      if (row.source !== undefined) expect(source).toBe(`${row.name}`);
      const next = `${row.name}.${branch}:${behind.length}`;
      this.behind.get(row)?.splice(branch, 1, [...behind, next]);
      this.slots[slot] = { tokens: [...held, next], source };
      expect(held.length).toBeLessThan(this.limits.capacity);
    }
    for (const row of rows) this.advance(row);
  }

  private read({ row, from, to, isLast }: Extract<Operation<Row>, { kind: "prefill" }>): void {
    const staging = (this.slots[this.limits.slots] as Slot).tokens;
    expect(staging.slice(0, from)).toEqual(contentOf(row, this.limits.chunkTokens).slice(0, from));
    if (!this.order.includes(row)) this.order.push(row);
    this.chunks.set(row, [...(this.chunks.get(row) ?? []), `${from}-${to}`]);
    const read = contentOf(row, this.limits.chunkTokens).slice(from, to);
    this.slots[this.limits.slots] = { tokens: [...staging.slice(0, from), ...read], source: "" };
    // While nothing is decoded nobody waits.
    if (this.taken.size > this.answered.length) this.since += to - from;
    if (!isLast) return;
    this.behind.set(
      row,
      Array.from({ length: row.width }, () => []),
    );
    this.advance(row);
  }

  /** Now and then a branch goes on from another one. */
  private advance(row: Row): void {
    const done = (this.taken.get(row) ?? 0) + 1;
    this.taken.set(row, done);
    if (done >= row.answer) {
      this.answered.push(row);
      this.scheduler.remove(row);
      return;
    }
    const behind = this.behind.get(row) as (readonly string[])[];
    const [from, to] = [done % row.width, (done + 1) % row.width];
    if (from === to || behind[from]?.length === 0) return;
    const begun = row.source === undefined ? row.promptIds.length : 0;
    this.scheduler.fork(row, { from, to, tokens: begun + (behind[from]?.length ?? 0) });
    behind[to] = behind[from] as readonly string[];
  }
}

/** What runs of a row alone leave: each token of the prompt with the chunk it was read in. */
function contentOf({ promptIds }: Row, chunk: number): readonly string[] {
  return [...promptIds].map((token, place) => {
    const start = place - (place % chunk);
    return `${promptIds.slice(0, start + chunk).join("")}@${place}=${token}`;
  });
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
    sources: 0,
    width: 1,
  }));

/** The same rows, some in several slots; read as sources where there is an encoder. */
function ofKinds(rows: readonly Row[], widths: readonly number[], isRead: boolean): readonly Row[] {
  return rows.map((row, index) => {
    const width = widths[index % widths.length] ?? 1;
    if (!isRead) return { ...row, width };
    const { promptIds: source } = row;
    return { ...row, width, source, sources: source.length, promptIds: Int32Array.of(0), tokens: 1 + row.answer };
  });
}

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

  test("lets rows of several slots and sources share runs with others, and joins sources of equal length", () => {
    fc.assert(
      fc.property(rows, limits, widths, fc.boolean(), (given, limits, widths, isRead) => {
        const all = ofKinds(named(given), widths, isRead);
        const roomy = { ...limits, slots: limits.slots + 2 };
        const { answered, encoded } = play(all, roomy);
        expect([...answered].sort((a, b) => a.name - b.name)).toEqual(all);
        expect(encoded.flat().length).toBe(isRead ? all.length : 0);
        const alike = ofKinds(named([given, given].flat().slice(0, 2)), [1], true).map((row) => ({
          ...row,
          comesAt: 0,
        }));
        const [first, second] = alike;
        const isTogether = first?.sources === second?.sources && (first?.sources ?? 0) <= 16;
        expect(play(alike, { ...roomy, stepTokens: 99 }).encoded.length).toBe(isTogether ? 1 : alike.length);
      }),
      { numRuns: 60 },
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
    const { chunks } = play(all, { slots: 2, capacity: 40, sources: 0, chunkTokens: 8, stepTokens: 40 });
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
