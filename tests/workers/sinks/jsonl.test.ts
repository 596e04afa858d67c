import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "@jest/globals";
import { createSearcher, createSink } from "@millrace/workers";
import { describeSink } from "../../conformance/sink.ts";

const root = await mkdtemp(join(tmpdir(), "millrace-jsonl-"));
afterAll(() => rm(root, { recursive: true, force: true }));
const newFolder = async () => join(await mkdtemp(join(root, "store-")), "new", "folder");

describeSink("jsonl", async () => {
  const uri = `jsonl:${await newFolder()}`;
  return { sink: () => createSink(uri), searcher: () => createSearcher(uri), isSearchable: false };
});
