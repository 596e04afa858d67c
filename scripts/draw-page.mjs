import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { browserFolder } from "./bring-services.mjs";

/**
 * Takes the picture of the page that the README shows: `node scripts/draw-page.mjs http://127.0.0.1:4680`, where `millrace ui`
 * serves a store that is worth looking at, and `scripts/bring-services.mjs` has brought the browser.
 */
const [address] = process.argv.slice(2);
if (address === undefined) throw new Error("say where the page is, as millrace ui printed it");
const picture = join(dirname(fileURLToPath(import.meta.url)), "..", "docs", "page.jpeg");
const env = { ...process.env, XDG_DATA_HOME: browserFolder() };
const browser = await chromium.launch({
  executablePath: join(browserFolder(), "chromium"),
  args: ["--no-sandbox"],
  env: /** @type {Record<string, string>} */ (env),
});
const page = await browser.newPage({ viewport: { width: 1200, height: 760 }, colorScheme: "light" });
await page.goto(`${address}/#/map`);
await page.getByText(/ documents$/).waitFor();
await page.screenshot({ path: picture, quality: 80 });
await browser.close();
