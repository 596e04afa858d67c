import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { errorTable, MillraceError } from "@millrace/core";
import fc from "fast-check";
import {
  chooseMode,
  createReporter,
  estimateRemaining,
  exitCodeOf,
  formatBytes,
  formatCountOf,
  formatDuration,
  formatError,
  formatMoney,
  formatProgress,
  type ProgressHistory,
  type ProgressState,
  readClock,
  remember,
} from "millrace";

const state: ProgressState = {
  documents: 1234,
  documentsTotal: 5000,
  chunks: 4000,
  tokens: 500_000,
  unchanged: 20,
  quarantined: 3,
  bytesDone: 2_500_000,
  bytesTotal: 10_000_000,
  phase: "encoding",
};

describe("formats for people", () => {
  test.each([
    [0, "0.0 s"],
    [400, "0.4 s"],
    [9_949, "9.9 s"],
    [9_960, "10 s"],
    [59_600, "1 min"],
    [123_000, "2 min 3 s"],
    [3_599_700, "1 h"],
    [3_900_000, "1 h 5 min"],
    [86_399_000, "1 d"],
    [266_400_000, "3 d 2 h"],
  ])("%d ms is %s", (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));

  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [999_499, "999 kB"],
    [999_500, "1.00 MB"],
    [90_868_376, "90.9 MB"],
    [45_600_000_000, "45.6 GB"],
  ])("%d bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [0, "0.00"],
    [12.3, "12.30"],
    [0.5, "0.50"],
    [0.0042, "0.0042"],
    [0.00000123, "0.0000012"],
  ])("%d is %s", (amount, text) => expect(formatMoney(amount)).toBe(text));

  test("one is singular", () => {
    expect([formatCountOf(1, "point"), formatCountOf(0, "point"), formatCountOf(1e6, "point")]).toEqual([
      "1 point",
      "0 points",
      "1,000,000 points",
    ]);
  });

  test("bytes never show more than three digits, durations never more than two units", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (amount) => {
        expect(formatBytes(amount)).toMatch(/^\d{1,3}(\.\d+)? [kMGTP]?B$|^\d+ PB$/);
        expect(formatDuration(amount)).toMatch(/^(\d\.\d s|\d+ \w+( \d+ \w+)?)$/);
      }),
    );
  });
});

describe("the time that is left", () => {
  const pace = fc.record({ work: fc.integer({ min: 1, max: 1e9 }), milliseconds: fc.integer({ min: 1000, max: 1e9 }) });

  test("goes by the slower pace", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), pace, pace, (rest, lifetime, recent) => {
        const estimate = estimateRemaining(rest, { lifetime, recent }) as number;
        const both = [lifetime, recent].map(({ work, milliseconds }) => (rest * milliseconds) / work);
        expect(estimate).toBe(Math.max(...both));
        expect(estimateRemaining(rest, { lifetime: recent, recent: lifetime })).toBe(estimate);
      }),
    );
  });

  test("cannot be said when nothing moves or too little time has passed, and is none at the end", () => {
    const good = { work: 100, milliseconds: 5000 };
    expect(estimateRemaining(10, { lifetime: good, recent: { work: 0, milliseconds: 5000 } })).toBeUndefined();
    expect(estimateRemaining(10, { lifetime: good, recent: { work: 5, milliseconds: 10 } })).toBeUndefined();
    expect(estimateRemaining(0, { lifetime: good, recent: good })).toBe(0);
  });

  test("of a steady run is right, whatever an earlier run had done", () => {
    let history: ProgressHistory | undefined;
    const at = (second: number): ProgressState => ({
      ...state,
      bytesDone: 5_000_000 + second * 10_000,
      tokens: second * 100,
    });
    for (let second = 0; second <= 100; second += 0.1)
      history = remember(history, { atMs: second * 1000, state: at(second) });
    const clock = readClock(history as ProgressHistory, { atMs: 100_000, state: at(100) });
    expect(clock.elapsedMs).toBe(100_000);
    expect(clock.remainingMs).toBeCloseTo(400_000, -2);
    expect(clock.tokensPerSecond).toBeCloseTo(100, 5);
    expect(history?.recent.length).toBeLessThan(65);
  });

  test("grows when a run slows down", () => {
    let history: ProgressHistory | undefined;
    const at = (second: number): ProgressState => ({
      ...state,
      bytesDone: Math.min(second, 60) * 100_000 + Math.max(0, second - 60) * 1_000,
    });
    for (let second = 0; second <= 120; second += 1)
      history = remember(history, { atMs: second * 1000, state: at(second) });
    const clock = readClock(history as ProgressHistory, { atMs: 120_000, state: at(120) });
    expect(clock.remainingMs).toBeCloseTo(10_000_000 - at(120).bytesDone, -3);
  });
});

describe("the progress line", () => {
  const clock = { elapsedMs: 61_000, tokensPerSecond: 8123.4, remainingMs: 184_000 };

  test("says phase, share, documents, speed, time left, what was passed over and what failed", () => {
    expect(formatProgress(state, clock)).toBe(
      "encoding · 25% · 1,234 of 5,000 documents · 8,123 tokens/s · 2.50 MB of 10.0 MB · 3 min 4 s left · 1 min 1 s elapsed · 20 unchanged · 3 quarantined",
    );
  });

  test("fits any width and keeps the documents longest", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (columns) => {
        const text = formatProgress(state, clock, { columns });
        expect(text.length).toBeLessThanOrEqual(columns);
        if (columns >= 24) expect(text).toContain("1,234 of 5,000 documents");
      }),
    );
  });

  test("leaves out what nobody knows yet", () => {
    const { documentsTotal, ...unknown } = {
      ...state,
      bytesTotal: 0,
      unchanged: 0,
      quarantined: 0,
      documents: 1,
      tokens: 0,
    };
    expect(documentsTotal).toBe(5000);
    expect(formatProgress(unknown, { elapsedMs: 500 })).toBe("encoding · 1 document · 0.5 s elapsed");
  });
});

describe("the reporter", () => {
  function collect(): { stream: PassThrough; text: () => string } {
    const stream = new PassThrough();
    const pieces: string[] = [];
    stream.on("data", (piece) => pieces.push(String(piece)));
    return { stream, text: () => pieces.join("") };
  }

  function reporterOn(mode: "terminal" | "lines" | "quiet", isJson = false) {
    const stderr = collect();
    const stdout = collect();
    const clock = { ms: 0 };
    const terminal = Object.assign(stderr.stream, { isTTY: true, columns: 60 });
    const reporter = createReporter({ stderr: terminal, stdout: stdout.stream, mode, isJson, now: () => clock.ms });
    return { reporter, stderr, stdout, clock };
  }

  test("redraws a terminal ten times a second at most, in place, within its width", () => {
    const { reporter, stderr, clock } = reporterOn("terminal");
    for (; clock.ms < 1000; clock.ms += 1) reporter.update({ ...state, documents: clock.ms });
    reporter.finish();
    const frames = stderr.text().split("\r").slice(1);
    expect(frames).toHaveLength(11);
    expect(stderr.text()).not.toContain("\n");
    for (const frame of frames) expect(stripVTControlCharacters(frame).length).toBeLessThan(60);
    expect(frames.at(-1)).toBe("\u001b[K");
  });

  test("draws the newest state when updates stop", async () => {
    const { reporter, stderr } = reporterOn("terminal");
    reporter.update({ ...state, documents: 1 });
    reporter.update({ ...state, documents: 2 });
    reporter.update({ ...state, documents: 4999 });
    await sleep(250);
    expect(stderr.text()).toContain("4,999");
    reporter.finish();
  });

  test("writes lines above the progress and keeps control characters from the terminal", () => {
    const { reporter, stderr } = reporterOn("terminal");
    reporter.update(state);
    reporter.line("skipped evil\u001b[2Jname.md");
    expect(stderr.text()).toContain("\rskipped evil\ufffd[2Jname.md\u001b[K\n");
    expect(stripVTControlCharacters(stderr.text().split("\n")[1] ?? "")).toContain("1,234 of 5,000 documents");
    reporter.finish();
  });

  test("writes a plain line every five seconds elsewhere, and none in a short run", () => {
    const { reporter, stderr, clock } = reporterOn("lines");
    for (; clock.ms <= 4_900; clock.ms += 100) reporter.update({ ...state, tokens: clock.ms });
    expect(stderr.text()).toBe("");
    for (; clock.ms <= 20_000; clock.ms += 100) reporter.update({ ...state, tokens: clock.ms });
    reporter.finish();
    const lines = stderr.text().trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[3]).toMatch(/^encoding · 25% · 1,234 of 5,000 documents · 1,000 tokens\/s/);
    expect(stripVTControlCharacters(stderr.text())).toBe(stderr.text());
  });

  test("says nothing when quiet, and events only as JSON", () => {
    const quiet = reporterOn("quiet");
    quiet.reporter.update(state);
    quiet.reporter.line("words");
    quiet.reporter.event("result", { points: 1 });
    quiet.reporter.finish();
    expect(quiet.stderr.text() + quiet.stdout.text()).toBe("");
    const json = reporterOn("quiet", true);
    json.reporter.event("shard", { id: "a\nb" });
    json.reporter.event("result", { points: 1 });
    expect(
      json.stdout
        .text()
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { type: "shard", id: "a\nb" },
      { type: "result", points: 1 },
    ]);
  });

  test("the mode follows the stream", () => {
    expect([chooseMode({ isTTY: true }, false), chooseMode({}, false), chooseMode({ isTTY: true }, true)]).toEqual([
      "terminal",
      "lines",
      "quiet",
    ]);
  });
});

describe("errors", () => {
  test("are one line with code, what, why and what to do", () => {
    const error = new MillraceError("E_MODEL_MISSING", "model x is missing", {
      why: "no\nnetwork",
      fix: "Give a folder",
    });
    expect(formatError(error, false)).toBe("error E_MODEL_MISSING: model x is missing: no network. Give a folder");
    expect(formatError(error, true)).toMatch(/^error E_MODEL_MISSING: .*\n[\s\S]*at /);
  });

  test("unknown ones are defects, and say how to learn more", () => {
    for (const thrown of [new TypeError("x is\nnot a function"), "text", undefined, null, new Error("")]) {
      const line = formatError(thrown, false);
      expect(line).toMatch(/^error E_INTERNAL: .*Run again with --debug$/);
      expect(exitCodeOf(thrown)).toBe(1);
    }
    const cause = new Error("the root");
    expect(formatError(new Error("outer", { cause }), true)).toContain("the root");
  });

  test("have the exit code of their code; a full disk and an abort are recognised", () => {
    for (const [code, { exit }] of Object.entries(errorTable))
      expect(exitCodeOf(new MillraceError(code as keyof typeof errorTable, "x"))).toBe(exit);
    expect(formatError(Object.assign(new Error("write"), { code: "ENOSPC" }), false)).toContain("error E_DISK_FULL");
    const aborted = Object.assign(new Error("stopped"), { name: "AbortError" });
    expect(exitCodeOf(aborted)).toBe(130);
  });
});
