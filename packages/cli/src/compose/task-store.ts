import { createReadStream } from "node:fs";
import { createInterface } from "node:readline/promises";
import { type Json, MillraceError, type TaskName } from "@millrace/core";
import {
  createSearcher,
  createSink,
  type DocumentPayload,
  leaseWorkFolder,
  type PayloadCounts,
  setPayloads,
  storeUri,
} from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import { workOf } from "./described-job.js";
import { lockStore } from "./job.js";
import { storeOptions } from "./model.js";

/** A task's lines, and whose documents they are about. */
export interface TaskResults {
  readonly settings: Settings;
  /** Of the documents in the store. */
  readonly corpus: string;
  readonly task: TaskName;
  /** The task's output. */
  readonly out: string;
  /** Field of the payload. */
  readonly field: string;
  readonly stop: AbortSignal;
}

/** What a line of each task's output calls its result. */
const resultOf = {
  classify: "labels",
  ner: "entities",
  answer: "answers",
  summarize: "summary",
  translate: "translation",
  extract: "fields",
} as const satisfies Record<TaskName, string>;

/**
 * Lets the points of each document in the store carry the task's result. No index run writes to the same job meanwhile.
 * @throws E_STORE_MISSING, E_STORE_BUSY; E_USAGE where the store holds none of the documents
 */
export async function storeResults(results: TaskResults): Promise<PayloadCounts> {
  const { settings, corpus, stop } = results;
  const store = storeUri(settings.store);
  const lease = await leaseWorkFolder(await workOf(settings.work, { corpus, store }));
  try {
    const unlock = await lockStore(store);
    const searcher = createSearcher(store, storeOptions(settings));
    const sink = createSink(store, storeOptions(settings));
    try {
      const { identity: _, ...schema } = await searcher.schema();
      await sink.open(schema);
      const counts = await setPayloads({ corpus, searcher, sink }, payloadsOf(results), { signal: stop });
      if (counts.documents === 0 && counts.missing > 0) throw noDocument(results);
      return counts;
    } finally {
      await Promise.all([sink.close(), searcher.close()]);
      await unlock();
    }
  } finally {
    await lease.release();
  }
}

async function* payloadsOf({ out, task, field }: TaskResults): AsyncGenerator<DocumentPayload> {
  for await (const text of createInterface({ input: createReadStream(out), crlfDelay: Number.POSITIVE_INFINITY })) {
    const line = JSON.parse(text) as { readonly path: string; readonly id: string; readonly [name: string]: Json };
    const result = line[resultOf[task]];
    if (result === undefined) continue;
    yield { path: line.path, document: line.id, payload: { [field]: forPayload(task, result) } };
  }
}

/** Labels and answers as texts, which filters compare; one alone stands for itself. */
function forPayload(task: TaskName, result: Json): Json {
  if (task !== "classify" && task !== "answer") return result;
  const texts = (result as readonly { readonly label: string; readonly text: string }[]).map((each) =>
    task === "classify" ? each.label : each.text,
  );
  return texts.length === 1 ? (texts[0] ?? null) : texts;
}

function noDocument({ settings, corpus }: TaskResults): MillraceError {
  return new MillraceError("E_USAGE", `no document of the results is in ${settings.store}`, {
    why: `it holds none of the corpus ${corpus} by these ids`,
    fix: "Name what was indexed as index was given it, with the same --id-field, and its --corpus where it had one.",
  });
}
