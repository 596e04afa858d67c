import { withoutCredentials } from "./credentials.js";

/** How far an error reaches: one row, one object, one batch, or the whole job. */
export type ErrorScope = "row" | "object" | "batch" | "job";

/**
 * Whether a step that failed is tried again while nobody changes anything: never, at once, a few or many times, for as long as
 * another run may take, or for ever. `retries.ts` says when.
 */
export type RetryClass = "never" | "at-once" | "few" | "many" | "while-busy" | "for-ever";

interface ErrorFacts {
  /** What it means, for the documentation. */
  readonly doc: string;
  readonly scope: ErrorScope;
  /** Process exit code when it ends a command: 1 failure, 2 usage, 3 quarantine above limit, 4 preflight, 5 a check failed. */
  readonly exit: 1 | 2 | 3 | 4 | 5;
  readonly retry: RetryClass;
}

const usage = (doc: string): ErrorFacts => ({ doc, scope: "job", exit: 2, retry: "never" });
const preflight = (doc: string): ErrorFacts => ({ doc, scope: "job", exit: 4, retry: "never" });
const failure = (doc: string): ErrorFacts => ({ doc, scope: "job", exit: 1, retry: "never" });
const transient = (doc: string, retry: RetryClass): ErrorFacts => ({ doc, scope: "job", exit: 1, retry });
const badObject = (doc: string): ErrorFacts => ({ doc, scope: "object", exit: 3, retry: "never" });
const badRow = (doc: string): ErrorFacts => ({ doc, scope: "row", exit: 3, retry: "never" });

/** Every code the product can print. Codes are stable: they are never renamed or given another meaning. */
export const errorTable = {
  E_USAGE: usage("The command line is wrong."),
  E_CONFIG: usage("A setting is unknown or has a value that is not allowed."),

  E_SOURCE_MISSING: preflight("The folder, file or glob to index does not exist or cannot be listed."),
  E_CORPUS_EMPTY: preflight("The source has no object of a known format."),
  E_MODEL_MISSING: preflight("The model is not on this machine and could not be brought."),
  E_MODEL_INVALID: preflight("The model directory lacks a file or holds one that is damaged."),
  E_MODEL_UNSUPPORTED: preflight("The model's architecture or pooling is not one the compiler knows."),
  E_MODEL_DIGEST: preflight("A model file is not the one that was pinned: its sha256 differs."),
  E_MODEL_GOLDEN: preflight("The model does not reproduce the vectors recorded when it was compiled."),
  E_MODEL_TOO_LARGE: preflight("The model and the memory of one answer do not fit into this machine."),
  E_SAFETENSORS: preflight("A safetensors file is damaged."),
  E_DEVICE: preflight("The device asked for is not usable on this machine."),
  E_STORE_MISSING: preflight("There is no store at the given place."),
  E_STORE_SCHEMA: preflight("The store's dimension or distance does not match the model."),
  E_STORE_FINGERPRINT: preflight("The store was filled with another model or other chunking."),
  E_STORE_READ_ONLY: preflight("The store or the work folder cannot be written."),
  E_STORE_BUSY: { ...preflight("Another process is writing to the same work folder."), retry: "while-busy" },
  E_UNREACHABLE: transient("A server cannot be reached.", "for-ever"),
  E_CREDENTIALS: preflight("A server refused the credentials, or none were found."),
  E_CLOCK: preflight("This machine's clock is wrong, so that a server refuses what it signs."),
  E_BUCKET_MISSING: preflight("The bucket does not exist."),
  E_NAMESPACE_MISSING: preflight("The Temporal namespace does not exist."),
  E_VECTORS_MISSING: preflight("No vectors were kept at the given place, or not all that belong together."),
  E_JOB_MISSING: preflight("There is no job of that id."),
  E_JOB_UNFINISHED: preflight("An index run was interrupted, or settings were changed since: index must come first."),
  E_JOB_RUNNING: preflight("The same job is running already."),
  E_WORKER_MISSING: preflight("No worker polls a queue that the job needs."),
  E_RUNTIME: preflight("This machine lacks something the product needs."),

  E_JOB_ENDED: failure("The job has ended, or somebody cancelled or terminated it."),
  E_DISK_FULL: failure("No space is left where the store or the work folder lies."),
  E_STORE: failure("The store refused a write or a read."),
  E_HOST: transient("An encoder or splitter process died or hung more often than is allowed.", "few"),
  E_IO: transient("Reading or writing failed.", "many"),
  E_INTERNAL: failure("A defect of millrace itself."),
  E_QUARANTINE: { doc: "More rows were quarantined than allowed.", scope: "job", exit: 3, retry: "never" },
  E_GATE: {
    doc: "A new generation of a store does not reach the quality asked for.",
    scope: "job",
    exit: 5,
    retry: "never",
  },
  E_VERIFY: { doc: "The store is not what its manifest says.", scope: "job", exit: 5, retry: "never" },

  E_OBJECT_CHANGED: { doc: "The object changed after it was planned.", scope: "object", exit: 1, retry: "at-once" },
  E_OBJECT_UNREADABLE: badObject("The object cannot be opened or read."),
  E_OBJECT_COMPRESSION: badObject("The object's gzip or zstd stream is damaged or truncated."),
  E_OBJECT_FORMAT: badObject("The object is not of the format its name says."),
  E_OBJECT_BINARY: badObject("The object is named as text but holds binary data."),

  E_ROW_PARSE: badRow("The row cannot be parsed."),
  E_ROW_FIELD: badRow("The row lacks the field that was asked for, or holds another type there."),
  E_ROW_TOO_LARGE: badRow("The row is larger than the limit."),
  E_ROW_DUPLICATE: badRow("Another row of the same object has the same document key."),
  E_ROW_ENCODING: badRow("The text is not valid UTF-8."),
  E_ROW_CHUNK: badRow("The document could not be split into chunks."),
  E_ROW_PROMPT: badRow("The row makes no prompt, or one that leaves no room for an answer."),
  E_ROW_GENERATE: badRow("The engine fails on this prompt each time, alone."),
  E_ROW_ANSWER: badRow("The model's answer is not of the form that was asked for."),
  E_ROW_CHAT: badRow("The model's chat template makes no prompt of the messages."),
  E_ROW_ENCODE: badRow("The engine fails on this chunk each time, alone."),
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof errorTable;

export interface ErrorDetails {
  /** The reason, with the offending value. */
  readonly why?: string;
  /** What the user can do about it. */
  readonly fix?: string;
  readonly cause?: unknown;
}

/** An error with a stable code that says what happened, why, and what to do, in one line. It holds no credentials. */
export class MillraceError extends Error {
  override readonly name = "MillraceError";
  readonly code: ErrorCode;
  readonly what: string;
  readonly why: string | undefined;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, what: string, { why, fix, cause }: ErrorDetails = {}) {
    // Servers, links and settings that are named in an error may have some.
    const words = { what: withoutCredentials(what), why: why && withoutCredentials(why), fix };
    super(oneLine(words), cause === undefined ? undefined : { cause });
    this.code = code;
    this.what = words.what;
    this.why = words.why;
    this.fix = fix;
  }

  get facts(): ErrorFacts {
    return errorTable[this.code];
  }
}

/** Returns a MillraceError as it is and wraps anything else under `code`. */
export function asMillraceError(error: unknown, code: ErrorCode, what: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new MillraceError(code, what, { why, cause: error });
}

interface Words {
  readonly what: string;
  readonly why: string | undefined;
  readonly fix: string | undefined;
}

function oneLine({ what, why, fix }: Words): string {
  const sentence = why === undefined ? what : `${what}: ${why}`;
  const line = fix === undefined ? sentence : `${sentence.replace(/\.$/, "")}. ${fix}`;
  return line.replaceAll(/\s+/g, " ");
}
