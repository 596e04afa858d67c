import { randomUUID } from "node:crypto";
import { createSearcher, createSink } from "@millrace/workers";
import { describeGenerations } from "../../conformance/generations.ts";
import { describeSink } from "../../conformance/sink.ts";

describeSink("memory", async () => {
  const uri = `memory:${randomUUID()}`;
  return { sink: () => createSink(uri), searcher: () => createSearcher(uri), isSearchable: true };
});

describeGenerations("memory", async () => `memory:${randomUUID()}`);
