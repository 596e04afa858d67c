import { describe, expect, test } from "@jest/globals";
import {
  fleetMoment,
  highlightRanges,
  type JobMoment,
  JobWatch,
  mergedMoments,
  narrowestStage,
  refusalOf,
} from "millrace";

function marked(query: string, text: string): readonly string[] {
  return highlightRanges(query, text).map(([start, end]) => text.slice(start, end));
}

describe("words of a query in a text", () => {
  test.each([
    ["how do I cancel it", "It was cancelled: how? We cancel. Canals.", ["cancelled", "cancel"]],
    ["cafe", "Das CAFÉ, das Cafe\u0301", ["CAFÉ", "Cafe\u0301"]],
    ["api", "apiary API", ["API"]],
    ["北京", "我住在北京。", ["北京"]],
    ["the of", "the of", []],
    ["<b>bold</b>", "<b>bold</b>", ["b", "bold", "b"]],
  ])("%s", (query, text, expected) => expect(marked(query, text)).toEqual(expected));

  test("a text of one letter and a query of many are marked in bounded time and number", () => {
    expect(highlightRanges("word ".repeat(2_000), "word ".repeat(4_000))).toHaveLength(200);
  });
});

describe("who is answered", () => {
  const status = (host: string, headers: Record<string, string>, method = "GET") =>
    refusalOf({ method, headers }, host)?.status;

  test.each(["127.0.0.1:4680", "localhost", "[::1]:80", "LOCALHOST:1"])("%s, on this machine", (host) => {
    expect(status("127.0.0.1", { host })).toBeUndefined();
  });
  test.each(["evil.example", "127.0.0.1.evil.example:4680", "192.168.0.1:4680", "", "localhost.:1"])(
    "not %s",
    (host) => {
      expect(status("127.0.0.1", { host })).toBe(403);
    },
  );
  test("what is listened on, and every address where that is all of them, but no other name", () => {
    expect(status("10.0.0.5", { host: "10.0.0.5:4680" })).toBeUndefined();
    expect(status("10.0.0.5", { host: "10.0.0.6:4680" })).toBe(403);
    expect(status("0.0.0.0", { host: "10.0.0.5:4680" })).toBeUndefined();
    expect(status("0.0.0.0", { host: "evil.example" })).toBe(403);
  });
  test("nobody who would change something, and no page of another site", () => {
    expect(status("127.0.0.1", { host: "localhost" }, "POST")).toBe(405);
    const foreign = { host: "localhost", "sec-fetch-site": "cross-site" };
    expect(status("127.0.0.1", { ...foreign, "sec-fetch-mode": "cors" })).toBe(403);
    expect(status("127.0.0.1", { ...foreign, "sec-fetch-mode": "navigate" })).toBeUndefined();
  });
});

describe("a job that is watched", () => {
  const moment = (read: number, encode: number, write: number): JobMoment => ({
    id: "job",
    origin: "work",
    state: "running",
    progress: {
      ...{ phase: "encoding", documents: 1, chunks: encode, tokens: encode * 10, tokensTotal: 1_000 },
      ...{ unchanged: 0, quarantined: 0, bytesDone: 50, bytesTotal: 100 },
    },
    flow: { chunks: { read, encode, write }, waiting: { encode: read - encode, write: 0 }, points: write },
  });

  test("has rates and a rest from the second look on", () => {
    const watch = new JobWatch();
    const first = watch.view(moment(40, 0, 0), 0);
    expect(first).toMatchObject({ tokensPerSecond: undefined, remainingMs: undefined, share: 0 });
    const second = watch.view(moment(60, 20, 0), 2_000);
    expect(second).toMatchObject({ tokensPerSecond: 100, remainingMs: 8_000, share: 0.2 });
    expect(second.stages.map(({ name, rate, isNarrowest }) => [name, rate, isNarrowest])).toEqual([
      ["read", 10, false],
      ["encode", 10, true],
      ["write", undefined, false],
    ]);
    expect(watch.view({ ...moment(60, 60, 60), state: "done" }, 3_000)).toMatchObject({
      share: 1,
      tokensPerSecond: undefined,
    });
  });

  test("is shown once where a server runs it in the work folder: at work as the server says, as far as the folder says", () => {
    const local: JobMoment = { ...moment(4, 2, 0), corpus: "docs", state: "interrupted" };
    const remote: JobMoment = { ...moment(0, 0, 0), origin: "temporal", state: "running" };
    const earlier: JobMoment = { ...remote, state: "failed" };
    const other: JobMoment = { ...remote, id: "other" };
    expect(mergedMoments([local], [remote, earlier, other])).toEqual([
      { ...local, origin: "temporal", state: "running" },
      other,
    ]);
  });

  test("may answer prompts on a server: it has no stages, and a share of what there is to answer", () => {
    const listed = { id: "job", status: "RUNNING", workflow: "generateCorpus", startedAt: new Date(0), events: 1 };
    const progress = {
      phase: "working",
      ...{ isPaused: false, batches: { underWay: 1, limit: 2 }, bytes: { read: 9, all: 9 } },
      ...{ prompts: 40, isRead: true, answered: 10, failed: 1, promptTokens: 100, generatedTokens: 500 },
    } as const;
    const view = new JobWatch().view(fleetMoment(listed, progress), 0);
    expect(view).toMatchObject({
      state: "running",
      share: 0.25,
      stages: [],
      progress: { noun: "prompt", tokens: 500 },
    });
    expect(fleetMoment(listed, { ...progress, isPaused: true }).state).toBe("paused");
    expect(fleetMoment(listed, undefined).progress.phase).toBe("no worker answers");
  });

  test("is held up where work waits, and by reading where none does", () => {
    const { progress } = moment(0, 0, 0);
    expect(narrowestStage({ waiting: { encode: 5, write: 9 } }, progress)).toBe("write");
    expect(narrowestStage({ waiting: { encode: 5, write: 1 } }, progress)).toBe("encode");
    expect(narrowestStage({ waiting: { encode: 0, write: 0 } }, progress)).toBe("read");
    const allRead = { ...progress, bytesDone: 100 };
    expect(narrowestStage({ waiting: { encode: 0, write: 0 } }, allRead)).toBeUndefined();
  });
});
