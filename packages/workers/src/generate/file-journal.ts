import { mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { generateLayout } from "@millrace/core";
import { entriesOf, linesOf, type OpenJournal } from "./journal.js";

/** Journals that are files of a local work folder: an answer is safe as soon as its line is written. */
export function fileJournals(folder: string): OpenJournal {
  return ({ shard, index }) => openFile(join(folder, generateLayout.journal(shard, index)));
}

async function openFile(path: string): ReturnType<OpenJournal> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "a+");
  const text = await file.readFile("utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole.length < text.length) await file.truncate(Buffer.byteLength(whole));
  let last: Promise<unknown> = Promise.resolve();
  return {
    entries: entriesOf(whole),
    async add(entries) {
      last = last.then(() => file.appendFile(linesOf(entries)));
      await last;
    },
    async close() {
      await last.catch(() => {});
      await file.close();
    },
    remove: () => rm(path, { force: true }),
  };
}
