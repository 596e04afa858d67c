import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Tokens per second that runs on this machine reached, by the graph's digest: what estimates are made from. */
type Rates = Readonly<Record<string, number>>;

/** The rate of the last run with this graph; undefined where there was none. */
export async function knownRate(cacheDirectory: string, graph: string): Promise<number | undefined> {
  return (await readRates(cacheDirectory))[graph];
}

/** Keeps a run's rate. Losing one is harmless, so nothing here fails a run. */
export async function recordRate(cacheDirectory: string, graph: string, rate: number | undefined): Promise<void> {
  if (rate === undefined) return;
  try {
    await mkdir(cacheDirectory, { recursive: true });
    const path = join(cacheDirectory, "rates.json");
    const rates: Rates = { ...(await readRates(cacheDirectory)), [graph]: Math.round(rate) };
    await writeFile(`${path}.${process.pid}`, JSON.stringify(rates));
    await rename(`${path}.${process.pid}`, path);
  } catch {
    // The next run measures again.
  }
}

async function readRates(cacheDirectory: string): Promise<Rates> {
  try {
    return JSON.parse(await readFile(join(cacheDirectory, "rates.json"), "utf8")) as Rates;
  } catch {
    return {};
  }
}
