import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "@jest/globals";
import { randomNumbers } from "../support/corpus.ts";
import { bits, describeNative, graph, graphs, sessions, slowInputs } from "./support.ts";

const { create, closeAll } = sessions();
afterEach(closeAll);
const victim = join(import.meta.dirname, "victim.mjs");

describeNative("endings", () => {
  test("a run that is cancelled ends soon, with the reason of its signal", async () => {
    const session = await create(graph("slow"));
    const controller = new AbortController();
    const reason = new Error("enough");
    const run = session.run(slowInputs(1e9), { signal: controller.signal });
    const waiting = session.run(slowInputs(1e9), { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 30);
    await expect(run).rejects.toBe(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(session.run(slowInputs(1), { signal: controller.signal })).rejects.toBe(reason);
    expect((await session.run(slowInputs(1))).y?.dims).toEqual([2, 48]);
  });

  test("200 cancels at any time harm no other run", async () => {
    const session = await create(graph("slow"), { lanes: 3 });
    const expected = bits((await session.run(slowInputs(20))).y);
    const random = randomNumbers(7);
    let cancelled = 0;
    const one = async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort("stop"), random() * 12);
      const run = session.run(slowInputs(random() < 0.5 ? 1e9 : 20), { signal: controller.signal });
      await run.catch((reason) => {
        expect(reason).toBe("stop");
        cancelled += 1;
      });
    };
    const unharmed = async () => {
      for (let run = 0; run < 100; run += 1) expect(bits((await session.run(slowInputs(20))).y)).toBe(expected);
    };
    const cancels = async () => {
      for (let round = 0; round < 50; round += 1) await Promise.all([one(), one(), one(), one()]);
    };
    await Promise.all([cancels(), unharmed()]);
    expect(cancelled).toBeGreaterThan(50);
  }, 60_000);

  test("200 workers and processes that end at any time in the middle of runs crash nothing", async () => {
    const random = randomNumbers(3);
    const ending = (ways: readonly string[]) => ({
      how: ways[Math.floor(random() * ways.length)],
      milliseconds: Math.floor(random() * 40),
    });
    const processes = Array.from({ length: 20 }, () => [
      ...Array.from({ length: 9 }, () =>
        ending(["terminated", "terminated early", "exits", "throws", "while loading"]),
      ),
      ending(["exits", "throws", "while loading", "beside a worker"]),
    ]);
    let ended = 0;
    const inTurn = async () => {
      for (let next = processes.pop(); next !== undefined; next = processes.pop()) {
        const args = [victim, join(graphs, "slow.onnx"), JSON.stringify(next)];
        const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
        expect(stderr).toBe("");
        ended += Number(stdout);
      }
    };
    await Promise.all([inTurn(), inTurn()]);
    expect(ended).toBe(200);
  }, 120_000);
});
