import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";

/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly bytes: Uint8Array;
}

const folder = new URL("../../ui/", import.meta.url);

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page's files by the path they are asked for: those that are there at the start and no other, whatever a request says. */
export async function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  const assets = new Map<string, Asset>();
  for (const name of await readdir(folder)) {
    const type = types[extname(name)];
    if (type !== undefined) assets.set(`/${name}`, { type, bytes: await readFile(new URL(name, folder)) });
  }
  const page = assets.get("/index.html");
  if (page !== undefined) assets.set("/", page);
  return assets;
}
