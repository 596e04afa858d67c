import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, writeFiles } from "../support/corpus.ts";
import { asOrdinaryUser, nodeForOrdinaryUsers, onSmallDisk } from "../support/failing-places.ts";

const index = (...args: readonly string[]) => [
  "index",
  "docs",
  "--model",
  tinyModel,
  "--json",
  "--hosts",
  "1",
  ...args,
];

describe("stores and work folders that were tampered with", () => {
  let folder: string;
  let manifest: string;
  let points: ReadonlyMap<string, string>;
  const store = () => join(folder, ".millrace/store");

  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFiles(folder, { "docs/a.md": madeUpMarkdown(1), "docs/b.md": madeUpMarkdown(2) });
    await run(index(), { cwd: folder });
    const [job] = await readdir(join(folder, ".millrace/work"));
    manifest = join(folder, ".millrace/work", job as string, "manifest");
    points = await pointsOf(store());
    expect(points.size).toBeGreaterThan(1);
  });

  test.each(["head", "page"])(
    "a manifest %s that is damaged is named, and deleting it is the way out",
    async (kind) => {
      const page = (await readdir(join(manifest, "pages")))[0] as string;
      const path = kind === "head" ? join(manifest, "head.json") : join(manifest, "pages", page);
      await writeFile(path, "{damaged");
      const { code, result } = await run(index(), { cwd: folder });
      expect([code, result.error?.code]).toEqual([1, "E_IO"]);
      expect(result.error?.message).toMatch(/manifest\/.* is damaged.*Delete manifest\/head\.json/);
      await rm(path);
      if (kind === "page") {
        expect((await run(index(), { cwd: folder })).result.error?.message).toMatch(
          /is gone.*Delete manifest\/head\.json/,
        );
        await rm(join(manifest, "head.json"));
      }
      expect((await run(index(), { cwd: folder })).code).toBe(0);
      expect(await pointsOf(store())).toEqual(points);
    },
  );

  test("a work folder that was deleted: everything is read again, nothing is stored twice", async () => {
    await rm(join(folder, ".millrace/work"), { recursive: true });
    expect((await run(index(), { cwd: folder })).code).toBe(0);
    expect(await pointsOf(store())).toEqual(points);
  });

  test.each(["points.lance", "store.json", ""])("a store that lost %p is filled again", async (name) => {
    await rm(join(store(), name), { recursive: true });
    const planned = await run(["plan", "docs", "--model", tinyModel, "--json"], { cwd: folder });
    expect(planned.result.objects.newObjects).toBe(2);
    const { code, result } = await run(index(), { cwd: folder });
    expect([code, result.store.points]).toEqual([0, points.size]);
    expect(await pointsOf(store())).toEqual(points);
  });
});

describe("places that refuse", () => {
  test("a store, a work folder or a file without permission", async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, { "docs/a.md": "# Words", "docs/secret.md": "# Secret" });
    await mkdir(join(folder, "cache"));
    await mkdir(join(folder, "locked"), { mode: 0o555 });
    await mkdir(join(folder, "open"));
    await Promise.all(["", "cache", "open"].map((name) => chmod(join(folder, name), 0o777)));
    await chmod(join(folder, "docs/secret.md"), 0o000);
    const node = await nodeForOrdinaryUsers(folder);
    if (node === undefined) {
      process.stderr.write("skipped: an ordinary user cannot run the command line where it lies here\n");
      return;
    }
    await asOrdinaryUser(async () => {
      const environment = { MILLRACE_CACHE: join(folder, "cache") };
      const store = await run(index("--store", "locked/store", "--work", "open/w1"), {
        cwd: folder,
        environment,
        node,
      });
      expect([store.code, store.result.error?.code]).toEqual([4, "E_STORE_READ_ONLY"]);
      expect(store.stderr).toMatch(/locked\/store.*writable/);
      const work = await run(index("--store", "open/s2", "--work", "locked/work"), { cwd: folder, environment, node });
      expect([work.code, work.result.error?.code]).toEqual([4, "E_STORE_READ_ONLY"]);
      const unreadable = await run(index("--store", "open/s3", "--work", "open/w3"), {
        cwd: folder,
        environment,
        node,
      });
      expect([unreadable.code, unreadable.result.quarantined, unreadable.result.store.points]).toEqual([3, 1, 1]);
    });
    await chmod(join(folder, "docs/secret.md"), 0o644);
    const repaired = await run(index("--store", "open/s3", "--work", "open/w3"), { cwd: folder });
    expect([repaired.code, repaired.result.store.points]).toEqual([0, 2]);
  }, 60_000);

  test("a disk that is full: said so, and the next run with room goes on", async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, {
      "docs/rows.jsonl": Array.from({ length: 2_000 }, (_, row) =>
        JSON.stringify({ text: `row ${row}`, noise: randomBytes(600).toString("base64") }),
      ).join("\n"),
    });
    await mkdir(join(folder, "small"));
    const couldMount = await onSmallDisk(join(folder, "small"), 1, async () => {
      const full = await run(index("--store", "small/store", "--payload-fields", "noise"), { cwd: folder });
      expect([full.code, full.result.error?.code]).toEqual([1, "E_DISK_FULL"]);
      expect(full.stderr).toMatch(/^error E_DISK_FULL: .*[Ff]ree/m);
      expect(full.stderr.match(/^error /gm)).toHaveLength(1);
    });
    if (!couldMount) process.stderr.write("skipped: no small disk can be mounted here\n");
    const roomy = await run(index("--store", "roomy", "--payload-fields", "noise"), { cwd: folder });
    expect([roomy.code, roomy.result.store.points]).toEqual([0, 2_000]);
  }, 60_000);
});

describe("names and paths", () => {
  test("odd names, deep folders, links in circles and a store inside the corpus", async () => {
    const folder = await temporaryFolder();
    const odd = 'line\nbreak "quote" \u001b[31mred é😀.md';
    const deep = `${"d".repeat(60)}/`.repeat(30);
    await writeFiles(folder, {
      [odd]: "# Odd\n\nodd name",
      [`${"n".repeat(252)}.md`]: "# Long",
      [`${deep}x.md`]: "# Deep",
      ".hidden/h.md": "# Hidden",
    });
    await symlink(".", join(folder, "circle"));
    await symlink("self.md", join(folder, "self.md"));
    await symlink("nowhere.md", join(folder, "dangling.md"));
    const inside = ["index", ".", "--model", tinyModel, "--json"];
    const first = await run(inside, { cwd: folder });
    expect([first.code, first.result.objects.newObjects, first.result.store.points]).toEqual([0, 3, 3]);
    const second = await run(inside, { cwd: folder });
    expect(second.result.objects).toMatchObject({ newObjects: 0, unchangedObjects: 3 });
    const { stdout } = await run(["search", "odd name"], { cwd: folder });
    expect(stdout).toContain('"quote"');
    expect(stdout).not.toMatch(/(?!\n)\p{Cc}/u);
    const elsewhere = await run(["index", folder, "--model", tinyModel, "--json", "--store", ".millrace/store"], {
      cwd: folder,
    });
    expect(elsewhere.result.objects).toMatchObject({ newObjects: 0, unchangedObjects: 3 });
  }, 30_000);

  test("~ is the home folder, relative places are meant from where the command runs", async () => {
    const home = await temporaryFolder();
    await writeFiles(home, { "docs/a.md": "# Words", "else/x": "" });
    const environment = { HOME: home };
    const tilde = ["index", "~/docs", "--store", "~/store", "--work", "~/work", "--model", tinyModel, "--json"];
    const first = await run(tilde, { cwd: join(home, "else"), environment });
    expect([first.code, first.stderr]).toEqual([0, expect.not.stringContaining("error")]);
    const places = ["--store", "../store", "--work", "../work"];
    const second = await run(["index", "../docs", ...places, "--model", tinyModel, "--json"], {
      cwd: join(home, "else"),
      environment,
    });
    expect(second.result.objects).toMatchObject({ newObjects: 0, unchangedObjects: 1 });
    expect((await readdir(join(home, "else"))).sort()).toEqual(["x"]);
  });

  test("a file that grows while it is read is read to an end, and the store has what it held then", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "docs/growing.jsonl");
    await writeFiles(folder, { "docs/growing.jsonl": '{"text":"row"}\n'.repeat(1_000) });
    const growing = setInterval(() => void writeFile(path, '{"text":"row"}\n', { flag: "a" }), 20);
    const during = await run(index(), { cwd: folder });
    clearInterval(growing);
    expect(during.code).toBe(0);
    const after = await run(index(), { cwd: folder });
    const rows = (await readFile(path, "utf8")).trimEnd().split("\n").length;
    expect([after.code, after.result.store.points]).toEqual([0, rows]);
  }, 60_000);
});
