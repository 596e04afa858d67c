import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Arena, argMax, type Decoder } from "@millrace/workers";

/** What a decoder is opened with, and how near its logits are where tokens are divided among runs in another way. */
export interface DecoderUnderTest {
  open(): Promise<Decoder>;
  /** 0 where they are the same bits. */
  readonly tolerance: number;
}

const slots = 4;
const capacity = 40;
const prompts = [[5, 6, 7, 8, 9, 10, 11], [9, 3], [5, 6, 7, 8, 1], [2]] as const;

/** The suite every Decoder passes. */
export function decoderConformance({ open, tolerance }: DecoderUnderTest): void {
  describe("a decoder", () => {
    let decoder: Decoder;
    let arena: Arena;
    beforeAll(async () => {
      decoder = await open();
      arena = await decoder.openArena({ slots, capacity, sources: 0 });
    });
    afterAll(async () => {
      await arena.close();
      await decoder.close();
    });

    /** Reads each prompt in the staging slot and puts it into a slot of its own. */
    async function fill(order: readonly number[]): Promise<void> {
      for (const [slot, prompt] of order.entries()) {
        await arena.prefill(Int32Array.from(prompts[prompt] as readonly number[]), 0, "nothing");
        await arena.copy(slots, slot, (prompts[prompt] as readonly number[]).length);
      }
    }

    async function decode(order: readonly number[], ids: readonly number[]) {
      await fill(order);
      const pasts = Int32Array.from(order, (prompt) => (prompts[prompt] as readonly number[]).length);
      const given = Int32Array.from(order, (prompt) => ids[prompt] as number);
      const { best, logits = new Float32Array() } = await arena.decode(given, pasts, "logits");
      const width = decoder.vocabularySize;
      return new Map(
        order.map((prompt, row) => [
          prompt,
          { best: best[row], logits: [...logits.subarray(row * width, (row + 1) * width)] },
        ]),
      );
    }

    test("gives a row the same bits in any slot and company", async () => {
      const ids = [1, 2, 3, 4];
      const together = await decode([0, 1, 2, 3], ids);
      for (const order of [[3, 2, 1, 0], [2, 0], [1], [0, 3, 1]]) {
        for (const [prompt, scores] of await decode(order, ids)) expect(scores).toEqual(together.get(prompt));
      }
    });

    test("says which logit is best, as the logits do, and either without the other", async () => {
      const prompt = Int32Array.from(prompts[0]);
      const { best, logits } = await arena.prefill(prompt, 0, "logits");
      expect(best[0]).toBe(argMax(logits as Float32Array));
      expect(logits?.length).toBe(decoder.vocabularySize);
      const alone = await arena.prefill(prompt, 0, "best");
      expect([alone.best[0], alone.logits]).toEqual([best[0], undefined]);
    });

    test("goes on behind what is there: a prompt in pieces, a token at a time", async () => {
      const prompt = Int32Array.from(prompts[0]);
      const whole = (await arena.prefill(prompt, 0, "logits")).logits as Float32Array;
      await arena.prefill(prompt.subarray(0, 3), 0, "nothing");
      const pieces = (await arena.prefill(prompt.subarray(3), 3, "logits")).logits as Float32Array;
      await arena.prefill(prompt.subarray(0, -1), 0, "nothing");
      await arena.copy(slots, 0, prompt.length - 1);
      const last = await arena.decode(prompt.subarray(-1), Int32Array.of(prompt.length - 1), "logits");
      for (const other of [pieces, last.logits as Float32Array])
        for (const [id, logit] of whole.entries())
          expect(Math.abs((other[id] as number) - logit)).toBeLessThanOrEqual(tolerance);
    });

    test("leaves a slot as it is while others are filled, copied and decoded", async () => {
      const ids = [1, 2, 3, 4];
      const expected = (await decode([0], ids)).get(0);
      await fill([0, 1, 2]);
      await arena.prefill(Int32Array.of(30, 31, 32), 0, "nothing");
      await arena.copy(2, 1);
      const longest = Int32Array.of(prompts[0].length, prompts[2].length);
      const { best } = await arena.decode(Int32Array.of(ids[0] as number, 9), longest, "logits");
      expect(best[0]).toBe(expected?.best);
    });
  });
}

const sources = [[5, 6, 7, 8, 9], [9, 3, 1, 1, 4], Array.from({ length: 20 }, (_, place) => 7 + place)] as const;
const mostSources = 48;

/** The suite that every decoder beside an encoder passes as well. */
export function sourceConformance(open: () => Promise<Decoder>): void {
  describe("a decoder beside an encoder", () => {
    let decoder: Decoder;
    beforeAll(async () => {
      decoder = await open();
    });
    afterAll(() => decoder.close());

    const idsOf = (source: number) => Int32Array.from(sources[source] as readonly number[]);

    /** Logits of each slot's second token, behind `start`. */
    async function decode(arena: Arena, rows: number): Promise<readonly number[][]> {
      const all = (number: number) => new Int32Array(rows).fill(number);
      await arena.decode(all(decoder.start as number), all(0), "best");
      const { logits = new Float32Array() } = await arena.decode(all(11), all(1), "logits");
      const width = decoder.vocabularySize;
      return Array.from({ length: rows }, (_, row) => [...logits.subarray(row * width, (row + 1) * width)]);
    }

    async function alone(source: number): Promise<readonly number[]> {
      const arena = await decoder.openArena({ slots: 1, capacity, sources: Math.ceil(idsOf(source).length / 16) * 16 });
      await arena.encode([idsOf(source)], [[0]]);
      const [logits = []] = await decode(arena, 1);
      await arena.close();
      return logits;
    }

    test("gives a row the same bits wherever its source is read, put and moved to, and whatever is beside it", async () => {
      const arena = await decoder.openArena({ slots, capacity, sources: mostSources });
      await arena.encode([idsOf(2)], [[1]]);
      await arena.encode([idsOf(0), idsOf(1)], [[0, 3], [2]]);
      const [first, second, third] = [await alone(0), await alone(1), await alone(2)];
      expect(await decode(arena, slots)).toEqual([first, third, second, first]);
      await arena.copy(1, 0);
      await arena.copy(2, 1);
      expect(await decode(arena, 2)).toEqual([third, second]);
      expect(third).not.toEqual(second);
      await arena.close();
    });

    test("lets a row go on from another's tokens beside the source of its own", async () => {
      const arena = await decoder.openArena({ slots, capacity, sources: mostSources });
      await arena.encode([idsOf(0)], [[0, 1]]);
      const start = decoder.start as number;
      await arena.decode(Int32Array.of(start, start), Int32Array.of(0, 0), "nothing");
      await arena.decode(Int32Array.of(9, 30), Int32Array.of(1, 1), "nothing");
      await arena.copy(0, 1, 2);
      const { logits = new Float32Array() } = await arena.decode(Int32Array.of(4, 4), Int32Array.of(2, 2), "logits");
      const width = decoder.vocabularySize;
      expect(logits.subarray(width, 2 * width)).toEqual(logits.subarray(0, width));
      await arena.close();
    });
  });
}
