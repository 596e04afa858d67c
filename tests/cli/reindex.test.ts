import { cp, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PointRecord } from "@millrace/core";
import { createSearcher, createSink } from "@millrace/workers";
import type { ReindexSummary } from "@millrace/workflows";
import { type QdrantServer, startQdrant } from "../services/qdrant-server.ts";
import { type Finished, otherTinyModel, run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, writeFiles } from "../support/corpus.ts";

type Result = Finished["result"] & ReindexSummary & { readonly live: string; readonly kept: readonly string[] };

const files = 24;
let qdrant: QdrantServer | undefined;

beforeAll(async () => {
  qdrant = await startQdrant();
  if (qdrant === undefined) process.stderr.write("skipped on Qdrant: its engine could not be brought\n");
}, 120_000);

afterAll(() => qdrant?.stop());

/** A folder with an indexed corpus, and what is done with it. */
async function indexed(driver: "lancedb" | "qdrant") {
  const cwd = await temporaryFolder();
  for (let file = 0; file < files; file += 1) await writeFiles(cwd, { [`docs/${file}.md`]: madeUpMarkdown(file) });
  const store = driver === "lancedb" ? `lancedb:${join(cwd, "store")}` : `${qdrant?.uri}/handbook${Date.now()}`;
  const environment = { HOME: cwd };
  const command = async (...args: readonly string[]) =>
    (await run([...args, "--json", "--store", store], { cwd, environment })) as Finished & { readonly result: Result };
  const index = (...more: readonly string[]) => command("index", "docs", "--hosts", "1", ...more);
  const reindex = (...more: readonly string[]) => command("reindex", "--hosts", "1", ...more);
  const first = await index("--model", tinyModel);
  expect([first.code, first.result.store.documents]).toEqual([0, files]);
  return { cwd, store, environment, command, index, reindex, points: () => pointsOf(store) };
}

/** What indexing afresh gives: an independent run into a store of its own. */
async function afresh(cwd: string, ...settings: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const store = `lancedb:${join(cwd, "afresh")}`;
  // The same corpus, so that ids are the same.
  const args = ["index", "docs", "--hosts", "1", "--store", store, "--work", "afresh-work", ...settings];
  const { code } = await run(args, { cwd });
  expect(code).toBe(0);
  const points = await pointsOf(store);
  await rm(join(cwd, "afresh"), { recursive: true });
  await rm(join(cwd, "afresh-work"), { recursive: true });
  return points;
}

describe.each(["lancedb", "qdrant"] as const)("reindex of a %s store", (driver) => {
  const skipped = () => driver === "qdrant" && qdrant === undefined;

  test("exchanges the model, keeps up with the corpus, and goes back", async () => {
    if (skipped()) return;
    const { cwd, index, reindex, command, points } = await indexed(driver);
    const before = await points();

    const changed = await reindex("--model", otherTinyModel, "--max-tokens", "24");
    expect(changed.stderr).not.toMatch(/^error/m);
    expect(changed.code).toBe(0);
    const { verified, judged, promoted, filled } = changed.result;
    expect([verified.missing.count, verified.unexpected.count, verified.points]).toEqual([0, 0, filled.points]);
    expect(judged.recall).toEqual({ at10: 1, queries: Math.min(200, filled.points) });
    expect(promoted.kept).toHaveLength(1);
    const after = await points();
    expect(after).toEqual(await afresh(cwd, "--model", otherTinyModel, "--max-tokens", "24"));
    expect(after).not.toEqual(before);

    // The next index goes on with the new generation's manifest: what has not changed is not read again.
    await writeFiles(cwd, { "docs/0.md": "# Only this has changed\n" });
    const refreshed = await index("--model", otherTinyModel, "--max-tokens", "24");
    expect(refreshed.result.objects).toMatchObject({ changedObjects: 1, unchangedObjects: files - 1, newObjects: 0 });
    const stale = await index("--model", tinyModel);
    expect([stale.code, stale.result.error?.code]).toEqual([4, "E_STORE_FINGERPRINT"]);
    expect(stale.stderr).toContain("reindex");

    const back = await command("rollback");
    expect([back.code, back.result.live, back.result.kept]).toEqual([0, promoted.kept[0], [promoted.live]]);
    expect(await points()).toEqual(before);
    const again = await index("--model", tinyModel);
    expect(again.result.objects).toMatchObject({ changedObjects: 1, unchangedObjects: files - 1 });
    expect((await command("verify")).code).toBe(0);

    // There and back again: the newer generation catches up with what has changed, and reads nothing else.
    const forth = await reindex("--model", otherTinyModel, "--max-tokens", "24");
    expect([forth.code, forth.result.promoted.live]).toEqual([0, promoted.live]);
    expect(forth.result.filled.worked.documents).toBe(0);
    expect((await command("verify")).code).toBe(0);
  }, 180_000);

  test("killed at any moment it goes on, and what answered does until the exchange", async () => {
    if (skipped()) return;
    const { cwd, environment, store, reindex, points, command } = await indexed(driver);
    const before = await points();
    const args = ["reindex", "--model", otherTinyModel, "--hosts", "1", "--json", "--store", store];
    const wanted = await afresh(cwd, "--model", otherTinyModel);
    for (const milliseconds of [800, 2_000, 2_800, 3_600]) {
      const { child, finished } = await start(args, { cwd, environment });
      await Promise.race([delay(milliseconds), finished]);
      child.kill("SIGKILL");
      await finished;
      const now = await points();
      expect([before, wanted]).toContainEqual(now);
    }
    const { code } = await reindex("--model", otherTinyModel);
    expect(code).toBe(0);
    expect(await points()).toEqual(wanted);
    expect((await command("verify")).code).toBe(0);
    expect((await command("rollback")).code).toBe(0);
    expect(await points()).toEqual(before);
  }, 180_000);
});

async function firstRecords(searcher: ReturnType<typeof createSearcher>): Promise<readonly PointRecord[]> {
  for await (const { record } of searcher.scan()) return [record];
  return [];
}

describe("reindex", () => {
  test("what does not reach the gate never answers; nothing is encoded again for a lower one", async () => {
    const { cwd, reindex, points, command } = await indexed("lancedb");
    const before = await points();
    await writeFiles(cwd, {
      "judged/queries.jsonl": '{"_id":"q1","text":"words that no document has"}\n',
      "judged/qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\tno such document\t1\n",
    });
    const refused = await reindex("--model", otherTinyModel, "--eval-set", "judged", "--min-ndcg", "0.5");
    expect([refused.code, refused.result.error?.code]).toEqual([5, "E_GATE"]);
    expect(refused.stderr).toContain("nDCG@10 is 0.0000, at least 0.5 is asked for");
    expect(await points()).toEqual(before);
    expect((await command("verify")).code).toBe(0);

    // Judged by what answers now: no better is asked for.
    const allowed = await reindex("--model", otherTinyModel, "--eval-set", "judged");
    expect(allowed.code).toBe(0);
    expect(allowed.result.judged.ranking).toMatchObject({ ndcgAt10: 0, queries: 1 });
    expect(allowed.result.filled.worked.documents).toBe(0);
    expect(await points()).not.toEqual(before);
  }, 120_000);

  test("a store that lost a point on the way is not let live", async () => {
    const { reindex, points, store, command } = await indexed("lancedb");
    const before = await points();
    const refused = await reindex("--model", otherTinyModel, "--generation", "next", "--eval-set", "nowhere");
    expect([refused.code, refused.result.error?.code]).toEqual([4, "E_SOURCE_MISSING"]);
    const unjudged = await reindex("--model", otherTinyModel, "--generation", "next", "--min-ndcg", "1");
    expect([unjudged.code, unjudged.result.error?.code]).toEqual([2, "E_USAGE"]);
    expect(await points()).toEqual(before);
    await reindex("--model", otherTinyModel, "--generation", "next");
    await command("rollback");
    const searcher = createSearcher(`${store}#next`);
    const sink = createSink(`${store}#next`);
    await sink.open(await searcher.schema());
    const [lost] = await firstRecords(searcher);
    await sink.delete([(lost as PointRecord).id]);
    await Promise.all([sink.close(), searcher.close()]);
    const lacking = await reindex("--model", otherTinyModel, "--generation", "next");
    expect([lacking.code, lacking.result.error?.code]).toEqual([5, "E_VERIFY"]);
    expect(lacking.stderr).toContain("1 point missing");
    expect(await points()).toEqual(before);
  }, 120_000);

  test("keeps as many former generations as it is told", async () => {
    const { reindex, command } = await indexed("lancedb");
    const second = await reindex("--max-tokens", "20", "--keep-generations", "2");
    const third = await reindex("--max-tokens", "22", "--keep-generations", "2");
    expect(third.result.promoted.kept).toEqual([second.result.promoted.live, second.result.promoted.kept[0]]);
    const fourth = await reindex("--max-tokens", "24");
    expect(fourth.result.promoted.kept).toEqual([third.result.promoted.live]);
    expect([...fourth.result.promoted.dropped].sort()).toEqual([...third.result.promoted.kept].sort());
    const gone = await command("rollback", "--generation", second.result.promoted.live);
    expect([gone.code, gone.result.error?.code]).toEqual([2, "E_USAGE"]);
    expect(gone.stderr).toContain(third.result.promoted.live);
    const none = await reindex("--max-tokens", "26", "--keep-generations", "0");
    expect(none.result.promoted.kept).toEqual([]);
    expect((await command("rollback")).stderr).toContain("there is nothing to go back to");
  }, 120_000);

  test("of rows that cannot be read wants to be told that they may be left out", async () => {
    const { cwd, index, reindex, points } = await indexed("lancedb");
    await writeFiles(cwd, { "docs/rows.jsonl": '{"text":"a row"}\n{"text": broken}\n' });
    expect((await index("--model", tinyModel)).code).toBe(3);
    const before = await points();
    const refused = await reindex("--model", otherTinyModel);
    expect([refused.code, refused.result.error?.code]).toEqual([3, "E_QUARANTINE"]);
    expect(await points()).toEqual(before);
    expect((await reindex("--model", otherTinyModel, "--max-quarantined", "1")).code).toBe(0);
  }, 60_000);

  test("changes what is given and nothing else; the same once more is nothing to do", async () => {
    const { cwd, command, reindex } = await indexed("lancedb");
    await reindex("--max-tokens", "20");
    const verified = await command("verify");
    expect(verified.code).toBe(0);
    const same = await reindex();
    expect([same.code, same.result.ok]).toEqual([0, true]);
    expect(same.stderr).toContain("nothing to do");
    await writeFiles(cwd, { "docs/new.md": "# New" });
    const copied = await reindex("--generation", "copy");
    expect([copied.code, copied.result.promoted.live]).toEqual([0, "copy"]);
    expect((await command("rollback")).result.kept).toEqual(["copy"]);
  }, 60_000);

  test("keeps to the graph that was named of a model", async () => {
    const cwd = await temporaryFolder();
    await writeFiles(cwd, { "docs/a.md": madeUpMarkdown(1) });
    await cp(resolve("tests/golden/tiny-models/onnx-states"), join(cwd, "model"), { recursive: true });
    await rename(join(cwd, "model/onnx/model.onnx"), join(cwd, "model/onnx/named.onnx"));
    const args = ["index", "docs", "--model", "./model", "--onnx-file", "onnx/named.onnx", "--store", "lance"];
    expect((await run(args, { cwd })).code).toBe(0);
    const { code, stderr } = await run(["reindex", "--max-tokens", "12"], { cwd });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  }, 60_000);

  test("of what cannot be exchanged ends with one line", async () => {
    const cwd = await temporaryFolder();
    await writeFiles(cwd, { "docs/a.md": "# Words\n" });
    const failing = async (...args: readonly string[]) => {
      const { code, stderr, result } = await run([...args, "--json"], { cwd });
      expect(stderr.match(/^error /gm)).toHaveLength(1);
      return [code, result.error?.code];
    };
    expect(await failing("reindex")).toEqual([4, "E_JOB_MISSING"]);
    expect(await failing("rollback")).toEqual([4, "E_JOB_MISSING"]);
    await run(["index", "docs", "--model", tinyModel, "--store", "jsonl:out"], { cwd });
    expect(await failing("reindex", "out")).toEqual([2, "E_CONFIG"]);
    expect(await failing("reindex", "out", "--min-recall", "2")).toEqual([2, "E_USAGE"]);
    expect(await failing("reindex", "out", "--generation", "a/b")).toEqual([2, "E_USAGE"]);
    await run(["index", "docs", "--model", tinyModel, "--store", "lance", "--work", "w"], { cwd });
    expect(await failing("rollback", "--work", "w")).toEqual([2, "E_USAGE"]);
    await rm(join(cwd, "lance"), { recursive: true });
    expect(await failing("reindex", "--work", "w", "--model", otherTinyModel)).toEqual([4, "E_STORE_MISSING"]);
  }, 60_000);
});
