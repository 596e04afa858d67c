import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, writeFiles } from "../support/corpus.ts";

const index = ["index", "docs", "--model", tinyModel, "--json", "--hosts", "1"];
const retry = ["retry", "--json", "--hosts", "1"];

describe("retry", () => {
  let folder: string;
  const command = (args: readonly string[]) => run(args, { cwd: folder });

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (let file = 0; file < 8; file += 1) await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file) });
    await writeFiles(folder, {
      "docs/rows.jsonl": '{"text":"a good row"}\n{"text": broken}\n{"nothing":1}\n',
      "docs/latin.txt": Buffer.from("caf\u00e9", "latin1"),
    });
    const { code, result } = await command(index);
    expect([code, result.quarantined]).toEqual([3, 3]);
  }, 60_000);

  test("of what is still bad says so again, and reads only that", async () => {
    const { code, result, stderr } = await command(retry);
    expect([code, result.healed, result.quarantined, result.objects.changedObjects]).toEqual([3, 0, 3, 2]);
    expect(stderr).toMatch(/^quarantine 3 rows: 0 healed, 3 remain$/m);
    expect(stderr.match(/^error .*$/gm)).toEqual([expect.stringMatching(/^error E_QUARANTINE: 3 rows /)]);
    expect((await command([...retry, "--max-quarantined", "3"])).code).toBe(0);
  });

  test("heals what was repaired and picks up no other change", async () => {
    await writeFiles(folder, {
      "docs/rows.jsonl": '{"text":"a good row"}\n{"text":"repaired"}\n{"nothing":1}\n',
      "docs/latin.txt": "caf\u00e9",
      "docs/new.md": madeUpMarkdown(77),
    });
    await rm(join(folder, "docs/0.md"));
    const before = await pointsOf(join(folder, ".millrace/store"));
    const { code, result } = await command(retry);
    expect([code, result.healed, result.quarantined, result.encoded.chunks]).toEqual([3, 2, 1, 2]);
    const after = await pointsOf(join(folder, ".millrace/store"));
    expect([...after].filter(([id]) => before.has(id))).toEqual([...before]);
    expect(after.size).toBe(before.size + 2);
    const verified = await command(["verify", "--json", "--sample", "0"]);
    expect([verified.code, verified.result.quarantined]).toEqual([0, 1]);
  });

  test("stopped and killed it goes on, and the end is what index alone would have made", async () => {
    await writeFiles(folder, {
      "docs/rows.jsonl": '{"text":"a good row"}\n{"text":"repaired"}\n{"text":"and more"}\n',
    });
    const { child, finished } = await start(retry, { cwd: folder });
    setTimeout(() => child.kill("SIGKILL"), 700);
    await finished;
    expect((await command(retry)).code).toBe(0);
    const nothing = await command(retry);
    expect([nothing.code, nothing.result.encoded.chunks]).toEqual([0, 0]);
    expect(nothing.stderr).toContain("nothing was there");
    expect((await command(index)).code).toBe(0);
    const refreshed = await pointsOf(join(folder, ".millrace/store"));
    expect((await command([...index, "--store", "afresh"])).code).toBe(0);
    expect(refreshed).toEqual(await pointsOf(join(folder, "afresh")));
  });

  test("without its store, its source or its model says so in one line", async () => {
    const jobs = join(folder, ".millrace/work/jobs");
    expect((await readdir(jobs)).length).toBe(2);
    await rm(join(folder, "afresh"), { recursive: true });
    const noStore = await command([...retry, "afresh"]);
    expect([noStore.code, noStore.result.error?.code]).toEqual([4, "E_STORE_MISSING"]);
    expect(await readdir(folder)).not.toContain("afresh");
    const otherModel = await command([...retry, "store", "--model", "no/such-model"]);
    expect([otherModel.code, otherModel.result.error?.code]).toEqual([4, "E_MODEL_MISSING"]);
    await rm(join(folder, "docs"), { recursive: true });
    const noSource = await command([...retry, "store"]);
    expect([noSource.code, noSource.result.error?.code]).toEqual([4, "E_SOURCE_MISSING"]);
    await writeFile(join(folder, "docs"), "");
    for (const { stderr } of [noStore, otherModel, noSource]) expect(stderr.match(/^error .*$/gm)).toHaveLength(1);
  });
});
