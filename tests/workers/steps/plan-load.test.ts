import { describe, expect, test } from "@jest/globals";
import type { StoreSchema } from "@millrace/core";
import { type NumberedEntry, planLoad } from "@millrace/workers";
import fc from "fast-check";

const schema: StoreSchema = { dimensions: 4, distance: "cosine", fingerprint: "f", graph: "g", model: "m" };

/** A log of commits that join up; the first is whole, as are those that `whole` says. */
function logOf(whole: readonly boolean[]): NumberedEntry[] {
  return whole.map((isWhole, index) => ({
    commit: index + 1,
    entry: {
      corpus: "c",
      schema,
      before: index === 0 ? "" : `m${index}`,
      after: `m${index + 1}`,
      plan: `p${index}`,
      isWhole: isWhole || index === 0,
      files: [],
      deleted: [{ key: `vectors/log/deleted-${index}`, bytes: 1, sha256: "" }],
    },
  }));
}

const logs = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }).map(logOf);
const refusal = expect.objectContaining({ code: "E_VECTORS_MISSING" });

describe("planning a load", () => {
  test("takes every deletion, and nothing that is not in force", () => {
    fc.assert(
      fc.property(logs, (log) => {
        for (const inForce of [undefined, log.at(-1)?.entry.after, log.at(-1)?.entry.before]) {
          const { commits } = planLoad(log, inForce);
          expect(commits.map(({ deleted }) => deleted)).toEqual(log.map(({ entry }) => entry.deleted));
        }
        expect(() => planLoad(log, "another manifest")).toThrow(refusal);
      }),
    );
  });

  test("refuses a log with a gap behind the last whole commit, and no other", () => {
    fc.assert(
      fc.property(logs, fc.nat(7), (log, gap) => {
        const lastWhole = log.findLastIndex(({ entry }) => entry.isWhole);
        const left = log.filter((_, index) => index !== gap);
        const isBehind = gap >= lastWhole && gap < log.length - 1;
        if (gap < log.length && (isBehind || left.length === 0)) expect(() => planLoad(left)).toThrow(refusal);
        else if (gap < lastWhole || gap >= log.length) expect(planLoad(left).commits).toHaveLength(left.length);
      }),
    );
  });

  test("refuses commits of another fingerprint in one chain", () => {
    const [first, second] = logOf([true, false]) as [NumberedEntry, NumberedEntry];
    const other = { ...second, entry: { ...second.entry, schema: { ...schema, fingerprint: "other" } } };
    expect(() => planLoad([first, other])).toThrow(refusal);
    expect(() => planLoad([])).toThrow(refusal);
  });
});
