import {
  type DecodingOptions,
  type Encoder,
  type Generator,
  type GeneratorPrecisionChoice,
  greedyDecoding,
  MillraceError,
  type Tokenizer,
} from "@millrace/core";
import { engineFacts, type PromptMaker } from "@millrace/workers";
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

/** Answers nothing: every request must want vectors. */
export function noAnswerer({ reference, graph, precision }: OpenEmbedding): Answerer {
  const refuse = (): never => {
    throw new MillraceError("E_ROW_PROMPT", "the request wants text, and there is no model for it", {
      fix: "Name one with --model.",
    });
  };
  return {
    reference,
    graph,
    precision,
    generator: {
      contextLength: 0,
      engine: engineFacts({ kind: "cpu" }),
      generate: async () => refuse(),
      close: async () => {},
    },
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
