import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { isSafeName } from "./files.js";

export interface Extraction {
  /** Folder inside the archive; entries outside it are passed over. */
  readonly folder: string;
  /** Takes the names below `folder` that are wanted. */
  readonly isWanted: (name: string) => boolean;
  readonly target: string;
  /** Most bytes all wanted files may have together. */
  readonly maxBytes: number;
}

/**
 * Unpacks a folder of a zip archive, streaming. Refuses the whole archive when any entry's name leads out of it, and
 * links, encrypted and repeated entries; yauzl ends a file that is longer than it says.
 */
export async function extractFolder(archive: string, extraction: Extraction): Promise<void> {
  const zip = await openPromise(archive, { strictFileNames: true, validateEntrySizes: true, autoClose: false });
  try {
    let bytes = 0;
    for await (const entry of zip.eachEntry()) {
      const name = wantedName(entry, extraction);
      if (name === undefined) continue;
      bytes += entry.uncompressedSize;
      if (bytes > extraction.maxBytes) throw new Error(`it unpacks to more than ${extraction.maxBytes} bytes`);
      await extractEntry(zip, entry, join(extraction.target, name));
    }
  } finally {
    zip.close();
  }
}

function wantedName(entry: Entry, { folder, isWanted }: Extraction): string | undefined {
  const { fileName } = entry;
  if (!isSafeName(fileName.replace(/\/$/, ""))) throw new Error(`it holds the name ${JSON.stringify(fileName)}`);
  if (!fileName.startsWith(`${folder}/`) || fileName.endsWith("/")) return undefined;
  const name = fileName.slice(folder.length + 1);
  if (!isWanted(name)) return undefined;
  if (isLink(entry)) throw new Error(`${fileName} is a link`);
  if (!entry.canDecodeFileData()) throw new Error(`${fileName} is encrypted or of an unknown compression`);
  return name;
}

/** The upper half of the attributes is the Unix mode. */
function isLink(entry: Entry): boolean {
  return ((entry.externalFileAttributes >>> 16) & 0o170000) === 0o120000;
}

async function extractEntry(zip: ZipFile, entry: Entry, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target, { flags: "wx", flush: true }));
}
