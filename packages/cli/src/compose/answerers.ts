import {
  type DecodingOptions,
  type Encoder,
  type EngineFacts,
  type Generator,
  type GeneratorPrecisionChoice,
  greedyDecoding,
  MillraceError,
  type PromptSpec,
  type TaskSpec,
  type Tokenizer,
} from "@millrace/core";
import type { Judge, PromptMaker } from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import type { OpenGenerator } from "./generator.js";
import { openEncoder, openModel, type Say } from "./model.js";

/** What answers prompts, as a job knows it. */
export interface Answerer {
  /** What the model is brought by. */
  readonly reference: string;
  /** sha256 of its compiled graph. */
  readonly graph: string;
  readonly precision: GeneratorPrecisionChoice;
  readonly generator: Generator;
  readonly prompts: PromptMaker;
  readonly decoding: DecodingOptions;
  close(): Promise<void>;
}

export function answererOf({ compiled, ...open }: OpenGenerator): Answerer {
  return { ...open, graph: compiled.graphDigest, precision: compiled.precision };
}

/** What makes vectors of texts. */
export interface OpenEmbedding {
  readonly reference: string;
  readonly graph: string;
  readonly precision: GeneratorPrecisionChoice;
  readonly tokenizer: Tokenizer;
  readonly encoder: Encoder;
}

/** Opens the model for requests that want vectors, where one is named. */
export async function openEmbedding(settings: Settings, say: Say): Promise<OpenEmbedding | undefined> {
  const { embeddingModel } = settings;
  if (embeddingModel === undefined) return undefined;
  const own = { ...settings, precision: undefined };
  const { installed, compiled, tokenizer } = await openModel(own, embeddingModel, say);
  const encoder = await openEncoder({ installed, compiled, tokenizer }, own, { say });
  const { graphDigest: graph, precision } = compiled;
  return { reference: embeddingModel, graph, precision, tokenizer, encoder };
}

/** What answers a job's rows, and how it is asked. */
export interface OpenAnswerers {
  readonly spec: PromptSpec;
  readonly task?: TaskSpec;
  readonly open: Answerer;
  /** Makes vectors, where requests may want some. */
  readonly embedding?: OpenEmbedding | undefined;
  /** Judges rows, in place of what generates. */
  readonly judge?: Judge;
}

/** A model that generates nothing: every row must want something else. */
export function noGenerator({ reference, graph, precision }: ModelFacts, engine: EngineFacts): Answerer {
  const refuse = (): never => {
    throw new MillraceError("E_ROW_PROMPT", "the request wants text, and there is no model for it", {
      fix: "Name one with --model.",
    });
  };
  return {
    reference,
    graph,
    precision,
    generator: { contextLength: 0, engine, generate: async () => refuse(), close: async () => {} },
    prompts: {
      ofDocument: refuse,
      ofMessages: refuse,
      ofText: refuse,
      encode: async () => [],
      tokens: async () => [],
    },
    decoding: greedyDecoding,
    close: async () => {},
  };
}

type ModelFacts = Pick<Answerer, "reference" | "graph" | "precision">;
