import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { addPlanCounts, noPlanCounts, oldestOf } from "@millrace/core";
import fc from "fast-check";
import { ageSeconds, formatAge, formatFreshness } from "millrace";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { writeFiles } from "../support/corpus.ts";

interface Fresh {
  readonly ageSeconds?: number;
  readonly indexedUpTo?: string;
  readonly changes?: number;
  readonly oldestChange?: number;
}

describe("how old a change is", () => {
  test("is never negative, whatever a clock says, and is said in its largest unit", () => {
    expect(ageSeconds(5_000, 1_000)).toBe(0);
    expect(formatFreshness(Date.UTC(2030, 0, 1), Date.UTC(2026, 0, 1))).toBe(
      "oldest change not yet indexed is 0 s old",
    );
    expect(formatFreshness(undefined, 0)).toBeUndefined();
    const hour = 3_600_000;
    expect([0, 59_999, 60_000, 3.9 * hour, 23.99 * hour, 49 * hour].map(formatAge)).toEqual([
      "0 s",
      "59 s",
      "1 min",
      "3 h",
      "23 h",
      "2 d",
    ]);
  });

  test("is counted as the oldest of all pages that know one", () => {
    const times = fc.array(fc.option(fc.nat(), { nil: undefined }), { maxLength: 5 });
    fc.assert(
      fc.property(times, times, (left, right) => {
        const sum = addPlanCounts({ ...noPlanCounts, ...oldestOf(left) }, { ...noPlanCounts, ...oldestOf(right) });
        const known = [...left, ...right].filter((time) => time !== undefined);
        expect(sum.oldestChange).toBe(known.length === 0 ? undefined : Math.min(...known));
      }),
    );
  });
});

describe("freshness", () => {
  let folder: string;
  const command = (args: readonly string[]) => run([...args, "--json"], { cwd: folder });
  const index = ["index", "docs", "--model", tinyModel, "--hosts", "1"];
  const hoursAgo = (hours: number) => new Date(Date.now() - 3_600_000 * hours);
  const written = async (name: string, hours: number) => {
    await writeFile(join(folder, "docs", name), `# ${name}\n\nwords of ${hours}`);
    await utimes(join(folder, "docs", name), hoursAgo(hours), hoursAgo(hours));
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFiles(folder, { "docs/a.md": "# A" });
    await written("a.md", 100);
    await written("b.md", 50);
  });

  test("index says how old the oldest change was, and until when all is indexed", async () => {
    const before = Date.now();
    const { result, stderr } = await command(index);
    const { ageSeconds: age = 0, indexedUpTo = "" } = result.freshness as Fresh;
    expect(Math.abs(age / 3600 - 100)).toBeLessThan(0.1);
    expect(Date.parse(indexedUpTo)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(indexedUpTo)).toBeLessThanOrEqual(Date.now());
    expect(stderr).toMatch(/^freshness {2}the oldest change was 4 d old; all up to 20\S+Z is indexed$/m);
    const again = (await command([...index, "--full"])).result.freshness as Fresh;
    expect(again.ageSeconds).toBeUndefined();
  });

  test("plan and verify say how old the oldest change is that is not indexed", async () => {
    await written("b.md", 3.5);
    await written("future.md", -5);
    const planned = await command(["plan", "docs", "--model", tinyModel]);
    expect(Math.abs(((planned.result.freshness as Fresh).ageSeconds ?? 0) / 3600 - 3.5)).toBeLessThan(0.1);
    const shown = await run(["plan", "docs", "--model", tinyModel], { cwd: folder });
    expect(shown.stdout).toMatch(/^freshness {2}oldest change not yet indexed is 3 h old$/m);
    const verified = await command(["verify", "--sample", "0"]);
    expect([verified.code, (verified.result.freshness as Fresh).changes]).toEqual([0, 2]);
    expect(verified.stderr).toMatch(
      /^freshness {2}2 changes not yet indexed; the oldest change not yet indexed is 3 h old$/m,
    );
    expect((await command(index)).code).toBe(0);
    const after = await command(["verify", "--sample", "0"]);
    expect(after.stderr).toMatch(/^freshness {2}nothing of the source has changed since$/m);
  });
});
