import type { GeneratedRow, SearchHit } from "@millrace/core";
import { groundedPrompt, type Passage } from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import { type OpenGenerator, openGenerator } from "./generator.js";
import type { Say } from "./model.js";
import { type OpenSearch, openSearch } from "./search.js";

/** An answer with what it was made from. */
export interface Answered {
  readonly answer: GeneratedRow;
  readonly prompt: string;
  /** In the order in which the answer numbers them, from 1. */
  readonly sources: readonly SearchHit[];
  readonly promptTokens: number;
}

export interface OpenAsk {
  readonly search: OpenSearch;
  readonly open: OpenGenerator;
  ask(question: string, signal: AbortSignal): Promise<Answered>;
  close(): Promise<void>;
}

/** Opens a store to find passages in and a model to answer from them. */
export async function openAsk(settings: Settings, say: Say): Promise<OpenAsk> {
  const open = await openGenerator({ settings, say, spec: { isChat: false, payload: [] } });
  try {
    // The store names its own model; what is set is meant for the one that answers.
    const search = await openSearch({ ...settings, precision: undefined, dimensions: undefined }, undefined, say);
    return {
      search,
      open,
      ask: (question, signal) => answer({ settings, open, search }, question, signal),
      close: async () => void (await Promise.all([open.close(), search.close()])),
    };
  } catch (error) {
    await open.close();
    throw error;
  }
}

interface Asking {
  readonly settings: Settings;
  readonly open: OpenGenerator;
  readonly search: OpenSearch;
}

async function answer({ settings, open, search }: Asking, question: string, signal: AbortSignal): Promise<Answered> {
  const hits = await search.find(question, { top: settings.top, filters: settings.filter });
  const { decoding, compiled, generator, prompts } = open;
  const { prompt, promptIds, passages } = await groundedPrompt(prompts, {
    question,
    passages: hits.map(passageOf),
    // An encoder has its tokens for itself; elsewhere prompt and answer share them.
    budget: compiled.encoder?.sourceLength ?? Math.max(1, compiled.contextLength - decoding.maxNewTokens),
    isChat: compiled.chatTemplate !== undefined,
  });
  const answered = await generator.generate({ promptIds, decoding, sequence: 0 }, signal);
  return {
    answer: answered,
    prompt: prompt.text,
    sources: hits.slice(0, passages.length),
    promptTokens: promptIds.length,
  };
}

function passageOf({ record: { path, headings, title, text } }: SearchHit): Passage {
  const heading = [title, ...headings].filter((part, index, all) => part !== "" && all.indexOf(part) === index);
  return { source: [path, ...heading].join(" › "), text };
}
