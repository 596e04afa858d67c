import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { bundleWorkflows } from "@millrace/workers";
import { temporaryFolder } from "../support/command-line.ts";

const folder = resolve("tests/replay/histories");
const histories = readdirSync(folder);

/** A change of what the workflows do: what is replaced in their bundle by what, and a history that shows it. */
interface Mutant {
  readonly what: string;
  readonly find: RegExp;
  readonly put: string;
  readonly shows: string;
}

const mutants: readonly Mutant[] = [
  {
    what: "a shard is written before its batches are encoded",
    find: /const vectors = \[\];/,
    put: "$& await runtime.steps.write(job, part, vectors);",
    shows: "plain",
  },
  {
    what: "a shard is not written",
    find: /const receipts = await runtime\.steps\.write\(job, part, vectors\)/,
    put: "const receipts = []",
    shows: "plain",
  },
  {
    what: "a page is planned twice",
    find: /const plan = await runtime\.steps\.plan\(job, page, cursor\);/,
    put: "await runtime.steps.plan(job, page, cursor); $&",
    shows: "plain",
  },
  {
    what: "the next page is planned with the first one's cursor",
    find: /page: at\.page \+ 1, cursor: next/,
    put: "page: at.page + 1, isListed: true, cursor: next",
    shows: "plain",
  },
  {
    what: "a job is committed twice",
    find: /const summary = await runtime\.steps\.commit\(job\);/,
    put: "await runtime.steps.commit(job); $&",
    shows: "plain",
  },
  {
    what: "a generation goes live before it is judged",
    find: /const judged = await reindex\.judge\(job, options\);/,
    put: "await reindex.promote(job, options); $&",
    shows: "reindexed",
  },
  {
    what: "a generation is not verified",
    find: /const verified = await reindex\.verify\(job, options\)/,
    put: "const verified = {}",
    shows: "reindexed",
  },
  { what: "one part of a shard is under way", find: /partsUnderWay = 2/, put: "partsUnderWay = 1", shows: "plain" },
  {
    what: "one batch in each encode step",
    find: /batchesPerEncode = 4/,
    put: "batchesPerEncode = 1",
    shows: "plain",
  },
  {
    what: "one shard under way",
    find: /return \{ shards: encodes,/,
    put: "return { shards: 1,",
    shows: "plain",
  },
  {
    what: "a timer before each piece of work",
    find: /checkpoint,(\s+)(wantsRest: \(\) => \(0,\s*([\w$]+)\.)/g,
    put: "checkpoint: () => (0, $3.sleep)(10),$1$2",
    shows: "plain",
  },
  {
    what: "a pause is not heeded",
    find: /while \(this\.isClosed\)/,
    put: "while (false)",
    shows: "paused",
  },
  {
    what: "a job that is resumed does not go on",
    find: /setHandler\)\(resumeSignal, \(\) => /,
    put: "$&false && ",
    shows: "paused",
  },
  {
    what: "more batches are under way than may be",
    find: /this\.taken \+ count <= this\.most/,
    put: "true",
    shows: "plain",
  },
  {
    what: "a job that is scaled keeps its windows",
    find: /windowsChanged: \(\) => slots\.resized\(\)/,
    put: "windowsChanged: () => new Promise(() => {})",
    shows: "scaled",
  },
  {
    what: "a job does not show its phase",
    find: /if \(input\.isSearchable &&/,
    put: "if (false &&",
    shows: "plain",
  },
  {
    what: "a job is not scaled",
    find: /slots\.resize\(batches\)/,
    put: "undefined",
    shows: "scaled",
  },
  {
    what: "no pass follows a plan that was left",
    find: /maximumPasses = 4/,
    put: "maximumPasses = 1",
    shows: "resumed-plan",
  },
  {
    what: "a shard that is done is written again",
    find: /if \(split\.isDone\)\s+return;/,
    put: "",
    shows: "resumed-plan",
  },
  {
    what: "no new history is begun",
    find: /wantsRest: \(\) => /g,
    put: "$&false && ",
    shows: "resting-first",
  },
  {
    what: "a new history begins at the beginning",
    find: /input\.from \?\?/,
    put: "",
    shows: "resting-last",
  },
  {
    what: "a new history of prompts begins at the beginning",
    find: /, job, input\.from\)\);/,
    put: ", job));",
    shows: "generated-last",
  },
  {
    what: "answers are written before they are given",
    find: /const texts = await steps\.generate\(job, batch\);/,
    put: "await steps.write(job, batch); $&",
    shows: "generated-first",
  },
  {
    what: "the job of a schedule has another id",
    find: /(executeChild\)\(embedCorpus, \{\s*)workflowId,/,
    put: '$1workflowId: "other",',
    shows: "refreshed",
  },
];

let bundle: string;
let code: string;

beforeAll(async () => {
  const workflowsPath = fileURLToPath(import.meta.resolve("@millrace/workflows/temporal"));
  bundle = await bundleWorkflows({ workflowsPath, cacheDirectory: await temporaryFolder(), isEncrypted: false });
  code = await readFile(bundle, "utf8");
});

describe("histories of a real server", () => {
  test("are small, and say nothing of the machine they were recorded on", async () => {
    for (const name of histories) {
      const text = await readFile(join(folder, name), "utf8");
      expect({ name, isSmall: text.length < 110_000, hasIdentity: text.includes('"identity"') }).toEqual({
        name,
        isSmall: true,
        hasIdentity: false,
      });
    }
  });

  test("are what the workflows do today", () => {
    expect(histories.length).toBeGreaterThanOrEqual(9);
    const [errors] = replay([[bundle, histories]]);
    expect(errors).toEqual(Object.fromEntries(histories.map((name) => [name, null])));
  });
});

test("workflows that do otherwise are found out", async () => {
  const mutated = await temporaryFolder();
  const replays = mutants.map(async ({ what, find, put, shows }, index) => {
    const path = join(mutated, `${index}.js`);
    const changed = code.replace(find, put);
    expect({ what, isChanged: changed !== code }).toEqual({ what, isChanged: true });
    await writeFile(path, changed);
    return [path, [`${shows}.json`]] as const;
  });
  const errors = replay(await Promise.all(replays));
  const found = mutants.map(({ what, shows }, index) => ({ what, error: errors[index]?.[`${shows}.json`] }));
  expect(found.filter(({ error }) => !error?.startsWith("DeterminismViolationError"))).toEqual([]);
}, 120_000);

/** Replays in a process of its own: the worker's native part does not live in a test's realm. */
function replay(
  replays: readonly (readonly [bundle: string, histories: readonly string[]])[],
): readonly Readonly<Record<string, string | null>>[] {
  const argument = replays.map(([path, names]) => [path, names.map((name) => join(folder, name))]);
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [resolve("tests/replay/replay.mjs"), JSON.stringify(argument)],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  const lines = stdout.split("\n").filter((line) => line !== "");
  if (lines.length !== replays.length) throw new Error(stderr);
  return lines.map((line) => JSON.parse(line) as Record<string, string | null>);
}
