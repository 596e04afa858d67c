import { afterEach, expect, test } from "@jest/globals";
import { Session } from "@millrace/native";
import { describeNative, graph, sessions, slowInputs } from "./support.ts";

const { create, closeAll } = sessions();
afterEach(closeAll);

/** Megabytes this process takes now, rubbish that JavaScript has not collected included. */
const megabytes = () => process.memoryUsage.rss() / 1e6;

describeNative("endurance", () => {
  test("10,000 runs take no more memory", async () => {
    const session = await create(graph("slow"), { lanes: 2 });
    const runs = async (count: number) => {
      for (let run = 0; run < count; run += 20) {
        await Promise.all(Array.from({ length: 20 }, () => session.run(slowInputs(1))));
      }
    };
    await runs(4_000);
    const before = megabytes();
    await runs(10_000);
    expect(megabytes() - before).toBeLessThan(24);
  }, 120_000);

  test("1,000 sessions take no more memory", async () => {
    const model = graph("slow");
    const cycle = async (count: number) => {
      for (let made = 0; made < count; made += 1) {
        const session = await Session.create(model, { lanes: 2 });
        await session.run(slowInputs(1));
        session.createBuffer("float32", [1_000]);
        await session.close();
      }
    };
    await cycle(200);
    const before = megabytes();
    await cycle(1_000);
    expect(megabytes() - before).toBeLessThan(24);
  }, 180_000);
});
