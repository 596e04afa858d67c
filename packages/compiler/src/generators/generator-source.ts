import type { JsonFile } from "../json.js";
import type { FilesPlace } from "../model-files.js";
import type { Checkpoint } from "../weights/checkpoint.js";

/** A generator's model as it lies on disk, in whatever format, with its small files read. */
export interface GeneratorSource extends FilesPlace {
  /** The model's sizes and settings under transformers' names. */
  readonly config: JsonFile;
  readonly tokenizer: TokenizerSource;
  readonly tokens: TokenIds;
  /** Defaults of decoding under transformers' names, as the model brings them. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** A Jinja template that makes a prompt of messages. */
  readonly chatTemplate: string | undefined;
  /** Spellings of special tokens by transformers' names for them, such as `bos_token`, which templates refer to. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** Opens the weights, named as transformers names them, less what their names may begin with. */
  openWeights(prefixes: readonly string[]): Promise<Checkpoint>;
}

/** A tokenizer.json that is there, or what makes the content of one. */
export type TokenizerSource = { readonly path: string } | { readonly make: () => Promise<object> };

export interface TokenIds {
  /** Begins a text, where the model has such a token. */
  readonly beginning?: number;
  /** Each of them ends a text. */
  readonly end: readonly number[];
  readonly padding?: number;
  /** What a decoder beside an encoder begins with. */
  readonly decoderStart?: number;
}
