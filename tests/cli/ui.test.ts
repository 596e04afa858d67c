import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createSink } from "@millrace/workers";
import type { Browser, Page } from "playwright-core";
import { brokenAccessRules, hasBrowser, startBrowser, watchPage } from "../support/browser.ts";
import { type Running, run, start, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, randomNumbers, writeFiles } from "../support/corpus.ts";

const endless = "w".repeat(10_000_000);
const hostile = [
  "# <script>alert(1)</script> <img src=x onerror=alert(2)>",
  "<script>alert(3)</script><img src=x onerror=\"alert(4)\"><iframe srcdoc='<script>alert(5)</script>'></iframe>",
  "\u202eright to left\u202c שלום עולם مرحبا بالعالم",
  endless,
].join("\n\n");

const lighthouse = "# The lighthouse\n\nKeepers cancelled the lights.\n";
const corpus = {
  "docs/guides/lighthouse.md": lighthouse,
  "docs/guides/<b>bold</b>.md": hostile,
  "docs/notes/harbour.md": "# Harbour\n\nShips wait for the tide.\n",
  "docs/rows.jsonl": '{"id":"a","text":"fine"}\n{"id":"b","text":\n{"id":"c"}\n',
  "docs/binary.md": new Uint8Array([0xff, 0xfe, 0x00, 0x80, 0x81, 0x00, 0xc3, 0x28]),
};

let cwd: string;
let shots: string;
let browser: Browser;
let page: Page;
let seen: readonly string[];
const servers: Running[] = [];

if (!hasBrowser) process.stderr.write("skipped: no browser could be brought\n");
const withBrowser = hasBrowser ? describe : describe.skip;

withBrowser("the page", () => {
  beforeAll(async () => {
    cwd = await temporaryFolder();
    shots = await mkdtemp(join(tmpdir(), "millrace-page-"));
    await writeFiles(cwd, corpus);
    const { code } = await run(["index", "docs", "--model", tinyModel, "--max-quarantined", "9"], { cwd });
    expect(code).toBe(0);
    browser = await startBrowser();
    page = await browser.newPage({ viewport: { width: 1200, height: 820 }, colorScheme: "light" });
    seen = await watchPage(page);
    await page.goto(await serve([]));
  });

  afterAll(async () => {
    await browser?.close();
    for (const { child } of servers) child.kill("SIGTERM");
    for (const { finished } of servers)
      expect(await finished).toMatchObject({ code: 0, result: { type: "result", ok: true } });
  });

  test("finds passages, marks the query's words, whatever their endings, and keeps to filters", async () => {
    await page.getByRole("searchbox").fill("cancel the light");
    await page.keyboard.press("Enter");
    const hit = page.locator(".hit", { hasText: "Keepers" });
    await hit.waitFor();
    expect(await hit.locator("mark").allTextContents()).toEqual(["cancelled", "lights"]);
    expect(await hit.locator("h2").textContent()).toBe("The lighthouse");
    expect(await page.getByRole("status").textContent()).toMatch(/^\d+ passages in \d+/);
    await page.getByRole("button", { name: "Add a filter" }).click();
    await page.keyboard.type("path:notes/*");
    await page.keyboard.press("Enter");
    await page.getByText(/^1 passage in/).waitFor();
    expect(await page.locator(".hit .code").allTextContents()).toEqual(["notes/harbour.md"]);
    await page.getByRole("textbox", { name: "Filter" }).fill("nonsense");
    await page.keyboard.press("Enter");
    expect(await page.getByRole("alert").textContent()).toContain("E_USAGE");
  });

  test("shows what documents hold as text, and breaks no line for it", async () => {
    await page.goto(`${originOf(page)}/#/search?q=script+alert`);
    await page.setViewportSize({ width: 360, height: 700 });
    const hits = page.locator(".hit", { hasText: "<b>bold</b>.md" });
    await hits.first().waitFor();
    // Its longest word would fill the report of a failure.
    const texts = (await hits.allTextContents()).map((text) => text.replaceAll(/w{9,}/g, ""));
    expect(texts.join()).toContain("<script>alert(3)</script>");
    const width = await page.evaluate("document.documentElement.scrollWidth");
    expect(width).toBeLessThanOrEqual(360);
    await page.screenshot({ path: join(shots, "hostile.png") });
    await page.setViewportSize({ width: 1200, height: 820 });
    expect(await page.locator("main script, main img, main iframe, main b").count()).toBe(0);
  });

  test("groups what is in quarantine by its reason", async () => {
    await page.goto(`${originOf(page)}/#/quarantine`);
    await page.locator(".rows li").first().waitFor();
    expect(await page.locator(".quarantine-groups h2").allTextContents()).toEqual(
      expect.arrayContaining(["E_ROW_FIELD", "E_ROW_PARSE"]),
    );
    expect(await page.locator(".rows").textContent()).toContain("rows.jsonl");
  });

  test("follows a job while another process runs it", async () => {
    const made = Array.from({ length: 300 }, (_, seed) => [`more/${seed}.md`, madeUpMarkdown(seed)] as const);
    await writeFiles(cwd, Object.fromEntries(made));
    await page.goto(`${originOf(page)}/#/jobs`);
    await page.getByText("1 job", { exact: true }).waitFor();
    const store = ["--store", ".millrace/more"];
    const indexing = await start(["index", "more", "--model", tinyModel, "--batch-size", "256", ...store], { cwd });
    const job = page.locator(".job", { hasText: "/more →" });
    await job.locator(".state.running").waitFor();
    await job.locator(".stage", { hasText: /read.*[1-9]\d* chunks/ }).waitFor();
    await page.screenshot({ path: join(shots, "running.png") });
    await job.locator(".state.done").waitFor();
    expect((await indexing.finished).code).toBe(0);
    expect(await job.locator("dd").first().textContent()).toBe("300");
  });

  test("draws 40,000 documents within 2 s, and tells what is under the pointer and the keys", async () => {
    const store = join(cwd, "large");
    await fillStore(store, 40_000);
    const origin = await serve(["--store", store]);
    const map = await browser.newPage({ viewport: { width: 1200, height: 820 } });
    await map.goto(`${origin}/#/map`);
    await map.getByText("40,000 documents").waitFor();
    await map.goto(`${origin}/#/search`);
    await map.reload();
    const startedAt = performance.now();
    await map.getByRole("link", { name: "Map" }).click();
    await map.getByText("40,000 documents").waitFor();
    await map.evaluate("new Promise(requestAnimationFrame)");
    const milliseconds = performance.now() - startedAt;
    await map.screenshot({ path: join(shots, "map.png") });
    process.stderr.write(`map of 40,000 documents drawn in ${Math.round(milliseconds)} ms\n`);
    expect(milliseconds).toBeLessThan(2_000);
    await map.locator("canvas").focus();
    await map.keyboard.press("+");
    await map.locator(".map-note strong").waitFor();
    expect(await map.locator(".map-note").textContent()).toMatch(/Document \d+folder-\d\/\d+\.md/);
    await map.close();
  });

  test("is used with keys alone", async () => {
    await page.goto(`${originOf(page)}/#/jobs`);
    await page.reload();
    const focused = () => page.evaluate("document.activeElement.textContent.trim()");
    const walked: unknown[] = [];
    for (let press = 0; press < 5; press += 1) {
      await page.keyboard.press("Tab");
      walked.push(await focused());
    }
    expect(walked).toEqual(["Skip to the content", "Search", "Map", "Jobs", "Quarantine"]);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Quarantine" }).waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
  });

  test.each(["light", "dark"] as const)("leaves nobody out, in %s", async (colorScheme) => {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const broken: string[] = [];
    for (const view of ["search?q=light", "search", "map?q=light", "jobs", "quarantine"]) {
      await page.goto(`${originOf(page)}/#/${view}`);
      await page
        .locator(ready[view.split("?")[0] as keyof typeof ready])
        .first()
        .waitFor();
      broken.push(...(await brokenAccessRules(page)).map((rule) => `${view}: ${rule}`));
      await page.screenshot({ path: join(shots, `${view.replace(/\W.*/, "")}-${colorScheme}.png`) });
    }
    expect(broken).toEqual([]);
  });

  test("nothing ran that should not, and nothing was refused by the policy", () => {
    // The filter that is none is answered with 400, which a browser notes.
    expect(seen.filter((line) => !line.includes("400 (Bad Request)"))).toEqual([]);
  });

  test("answers nobody else", async () => {
    const origin = originOf(page);
    const statusOf = async (path: string, init: RequestInit) => (await fetch(`${origin}${path}`, init)).status;
    expect(await statusOf("/api/store", {})).toBe(200);
    expect(await statusOf("/api/store", { method: "POST" })).toBe(405);
    expect(await statusOf("/../package.json", {})).toBe(404);
    expect(await statusOf("/api/quarantine?job=../x", {})).toBe(500);
    expect(await statusOf("/api/document?index=99999", {})).toBe(404);
    expect(await statusOf("//", {})).toBe(400);
  });
});

/** What says that a view has what it shows. */
const ready = { search: ".hit, .empty", map: ".map-frame", jobs: ".job", quarantine: ".rows li" } as const;

function originOf(page: Page): string {
  return new URL(page.url()).origin;
}

/** Starts the page on a free port. @returns its address */
async function serve(args: readonly string[]): Promise<string> {
  const server = await start(["ui", "--port", "0", "--json", ...args], { cwd });
  servers.push(server);
  const line = await new Promise<string>((resolve) => server.child.stdout?.once("data", resolve));
  return (JSON.parse(line) as { url: string }).url;
}

/** Fills a store with documents of made-up vectors, in 30 groups. */
async function fillStore(store: string, documents: number): Promise<void> {
  const dimensions = 32;
  const random = randomNumbers(7);
  const centres = Float32Array.from({ length: 30 * dimensions }, () => random() - 0.5);
  const sink = createSink(store);
  await sink.open({ dimensions, distance: "cosine", fingerprint: "made up", graph: "made up", model: tinyModel });
  const records = Array.from({ length: documents }, (_, index) => ({
    ...{ id: uuidOf(index), corpus: "made up", path: `folder-${index % 7}/${index}.md`, document: "", ordinal: 0 },
    ...{ start: 0, end: 4, title: `Document ${index}`, headings: [], text: "text", payload: {} },
  }));
  const vectors = Float32Array.from({ length: documents * dimensions }, (_, place) => {
    const group = Math.floor(place / dimensions) % 30;
    return (centres[group * dimensions + (place % dimensions)] as number) + 0.4 * (random() - 0.5);
  });
  for (let from = 0; from < documents; from += 10_000) {
    const to = from + 10_000;
    const batch = { records: records.slice(from, to), vectors: vectors.slice(from * dimensions, to * dimensions) };
    await sink.upsert(batch);
  }
  await sink.close();
}

function uuidOf(index: number): string {
  const digits = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  return `${digits.toString(16).padStart(8, "0")}-0000-5000-8000-${index.toString(16).padStart(12, "0")}`;
}
