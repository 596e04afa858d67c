import type { QdrantClient } from "@qdrant/js-client-rest";
import { defaultTransferLimits } from "../../models/model.js";
import { retrying, type TransferError } from "../../models/retry.js";
import { qdrantError, transferError } from "./errors.js";
import type { QdrantPlace } from "./place.js";
import { hearRetryAfter, lastRetryAfter } from "./retry-after.js";

export interface QdrantOptions {
  /** Sent with every request; never part of a uri or a job. */
  readonly apiKey?: string | undefined;
  /** For one request, its answer included; 60 s by default. */
  readonly timeoutMilliseconds?: number | undefined;
  /** Told of each request that is about to be repeated. */
  readonly onRetry?: ((reason: RetryReason) => void) | undefined;
}

/** Why a request is repeated. */
export type RetryReason = "rate_limited" | "server_error" | "no_answer";

/** Requests to one server, each repeated while that may help. */
export interface QdrantConnection {
  readonly place: QdrantPlace;
  /** A read, or the first request of a run: a server that does not answer is soon given up. @throws E_UNREACHABLE … */
  read<Result>(what: string, request: Request<Result>): Promise<Result>;
  /** A write that may be repeated: waits for a server that restarts. @throws E_UNREACHABLE, E_CREDENTIALS, E_STORE */
  write<Result>(what: string, request: Request<Result>): Promise<Result>;
}

export type Request<Result> = (client: QdrantClient, collection: string) => Promise<Result>;

const limits = { ...defaultTransferLimits, attempts: 8, baseDelayMs: 250 };
const readAttempts = 2;
const defaultTimeout = 60_000;

/** Nothing is sent before the first call. */
export function connectQdrant(place: QdrantPlace, options: QdrantOptions = {}): QdrantConnection {
  let client: Promise<QdrantClient> | undefined;
  const asTransferError = (error: unknown) => {
    return Promise.reject(transferError(error, lastRetryAfter(place.url)) satisfies TransferError);
  };
  const onRetry = ({ status }: TransferError) => options.onRetry?.(retryReason(status));
  const call = async <Result>(what: string, request: Request<Result>, unreachableAttempts: number) => {
    client ??= createClient(place, options);
    const ready = await client;
    const attempt = () => request(ready, place.collection).catch(asTransferError);
    try {
      return await retrying(attempt, { limits, unreachableAttempts, report: () => undefined, onRetry });
    } catch (error) {
      throw qdrantError(error, what, place);
    }
  };
  return {
    place,
    read: (what, request) => call(what, request, readAttempts),
    write: (what, request) => call(what, request, limits.attempts),
  };
}

function retryReason(status: number | undefined): RetryReason {
  if (status === undefined) return "no_answer";
  return status === 429 ? "rate_limited" : "server_error";
}

/** The key goes as a header: given as an option, the client prints a warning for every server without TLS. */
async function createClient(place: QdrantPlace, { apiKey, timeoutMilliseconds }: QdrantOptions): Promise<QdrantClient> {
  const { QdrantClient: Client } = await import("@qdrant/js-client-rest");
  const headers = apiKey === undefined ? {} : { "api-key": apiKey };
  const timeout = timeoutMilliseconds ?? defaultTimeout;
  hearRetryAfter(place.url);
  return new Client({ url: place.url, prefix: place.prefix, headers, timeout, checkCompatibility: false });
}
