import type { BlobRef } from "./batch.js";
import type { CorpusObject } from "./corpus.js";
import type { DecodingOptions } from "./decoding.js";
import type { GeneratorPrecisionChoice, SizeLimits, SourceSpec } from "./job.js";

/** How a document becomes a prompt. */
export interface PromptSpec {
  /** Field whose value identifies a row; by default its number in the file. */
  readonly id?: string;
  /** Jinja template that makes the prompt of a row's fields; without it the prompt is the field `prompt`. */
  readonly template?: string;
  /** The prompt is what a user says to a chat model, whose own template surrounds it. */
  readonly isChat: boolean;
  /** What the chat model is told beforehand. */
  readonly system?: string;
  /** Fields that go into the answer's line as they are. */
  readonly payload: readonly string[];
}

/** What a job's rows are, and its answers: rows of fields, or requests and responses as OpenAI's batch files have them. */
export const generateFormats = ["rows", "openai"] as const;
export type GenerateFormat = (typeof generateFormats)[number];

/** All that decides what a generation job answers. Plain JSON. */
export interface GenerateJob {
  readonly format: GenerateFormat;
  readonly source: SourceSpec;
  readonly prompts: PromptSpec;
  readonly model: {
    /** What it is brought by. */
    readonly reference: string;
    /** What it is compiled in. */
    readonly precision: GeneratorPrecisionChoice;
    /** sha256 of the compiled graph. */
    readonly graph: string;
  };
  /** Of requests that want vectors: sha256 of that model's compiled graph. */
  readonly embedding?: { readonly reference: string; readonly graph: string };
  readonly decoding: DecodingOptions;
  /** Answers to each prompt. */
  readonly sequences: number;
  readonly limits: SizeLimits;
  /** File or `s3://bucket/key` that the answers go to, as JSON lines in the prompts' order. */
  readonly out: string;
  /** The same for failures, where they do not stand among the answers. */
  readonly errors?: string;
  /** The job's own folder or `s3://bucket/prefix`: plan, batches, the journal of what is answered, answers. */
  readonly work: string;
}

/** Prompts of one object, from a row on: the unit of reading. */
export interface PromptShard {
  /** Sorts in plan order. */
  readonly id: string;
  readonly object: CorpusObject;
  readonly fromRow: number;
  /** Stored bytes of the object that the parts before have counted. */
  readonly fromByte: number;
}

/** An Arrow file of prompts with their token ids. */
export interface PromptBatchRef extends BlobRef {
  readonly shard: string;
  /** Position within the shard, from 0. */
  readonly index: number;
  readonly rows: number;
  /** Of all prompts. */
  readonly tokens: number;
}

/** What became of a shard's rows. */
export interface PromptSplit {
  readonly batches: readonly PromptBatchRef[];
  /** The rest of the object. */
  readonly rest?: PromptShard;
  /** Stored bytes that were read for this part and not for those before, about. */
  readonly bytes: number;
}

/** An Arrow file of answers to a batch, in its order. */
export interface TextsRef extends BlobRef {
  readonly shard: string;
  readonly index: number;
  /** Prompts, and those of them that have no answer but the reason why. */
  readonly rows: number;
  readonly failed: number;
  /** Of prompts that were answered, and of all answers. */
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** A page of a plan: it travels, and a corpus may have more objects than one message holds. */
export interface GeneratePlan {
  readonly shards: readonly PromptShard[];
  /** Stored bytes of all objects, those of other pages included. */
  readonly bytes: number;
  /** The next page, where there is one. */
  readonly next?: number;
}

/** What a job did, those of its runs that were interrupted included. */
export interface GenerateSummary {
  readonly rows: number;
  readonly failed: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Everything had been answered before. */
  readonly isUnchanged: boolean;
}

/**
 * Steps of a generation job, in the order the data flows. Each is idempotent: what an earlier run finished is found and
 * returned, in `generate` down to the single answer.
 */
export interface GenerateSteps {
  /**
   * Lists the source. What it lists is what the job was made for: a changed source makes another job.
   * @throws E_STORE_READ_ONLY and its kin where the output could not be written in the end
   */
  plan(job: GenerateJob, page: number): Promise<GeneratePlan>;
  /** Reads rows, makes prompts of them, tokenizes. */
  split(job: GenerateJob, shard: PromptShard): Promise<PromptSplit>;
  /** Answers those prompts of a batch that are not answered. */
  generate(job: GenerateJob, batch: PromptBatchRef): Promise<TextsRef>;
  /** Writes a batch's answers as they will stand in the output. */
  write(job: GenerateJob, texts: TextsRef): Promise<void>;
  /** Puts all answers into the output, in order, at once. */
  commit(job: GenerateJob): Promise<GenerateSummary>;
}
