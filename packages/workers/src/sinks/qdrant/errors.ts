import { type ErrorCode, MillraceError } from "@millrace/core";
import { defaultTransferLimits } from "../../models/model.js";
import { parseRetryAfter, TransferError } from "../../models/retry.js";
import type { QdrantPlace } from "./place.js";

/** Answers that say nothing of the request, only that the server, or one before it, is not up to it now. */
const busyStatuses: readonly number[] = [408, 429, 502, 503, 504];

/** What the client throws: an answer with a status, a refusal that names its wait, or no answer at all. */
interface VendorError {
  readonly name: string;
  readonly message: string;
  readonly status?: number;
  readonly statusText?: string;
  readonly data?: unknown;
  readonly headers?: Headers;
  readonly retry_after?: number;
  readonly cause?: { readonly code?: string; readonly message?: string };
}

/**
 * Says of the client's error whether the same request may succeed later: 429, 5xx and 408 may, and silence; and when: not
 * before what `Retry-After` asks for, two minutes at most. Of a 429 the client does not hand it on, so it is given here.
 */
export function transferError(error: unknown, retryAfterOf429: string | null = null): TransferError {
  const { name, message, status, statusText, data, headers, retry_after, cause } = error as VendorError;
  if (retry_after !== undefined || message?.startsWith("Invalid retryAfter")) {
    const retryAfterMs = wait(retryAfterOf429) ?? (retry_after ?? 1) * 1000;
    return new TransferError("429 Too Many Requests", { isRetryable: true, status: 429, retryAfterMs, cause: error });
  }
  if (typeof status === "number") {
    const text = `${status} ${serverText(data) ?? statusText ?? ""}`.trim();
    const retryAfterMs = wait(headers?.get?.("retry-after") ?? null);
    const isRetryable = status >= 500 || status === 408 || status === 429;
    return new TransferError(text, { isRetryable, status, retryAfterMs, cause: error });
  }
  const isSilence = name === "QdrantClientTimeoutError" || message === "fetch failed" || message === "terminated";
  const why = cause?.code ?? cause?.message;
  const text = name === "QdrantClientTimeoutError" ? "no answer in time" : why ? `${message} (${why})` : message;
  return new TransferError(text ?? String(error), { isRetryable: isSilence, cause: error });
}

function wait(retryAfter: string | null): number | undefined {
  const asked = parseRetryAfter(retryAfter, Date.now());
  return asked === undefined ? undefined : Math.min(asked, defaultTransferLimits.maxRetryAfterMs);
}

/** The product's error for a request that failed for good. */
export function qdrantError(error: unknown, what: string, { url, name }: QdrantPlace): MillraceError {
  if (error instanceof MillraceError) return error;
  const { status, message, isRetryable, cause } = error instanceof TransferError ? error : transferError(error);
  const make = (code: ErrorCode, why: string, fix?: string) => {
    return new MillraceError(code, what, { why, cause, ...(fix === undefined ? {} : { fix }) });
  };
  if (status === 401 || status === 403) {
    return make("E_CREDENTIALS", `${url} answers ${message}`, "Set MILLRACE_QDRANT_API_KEY to a key that may write");
  }
  if (status !== undefined && busyStatuses.includes(status)) {
    return make(
      "E_UNREACHABLE",
      `${url} answers ${message}`,
      "Run it again when the server is less busy; what is done is kept",
    );
  }
  if (status !== undefined) return make("E_STORE", `${name} answers ${message}`);
  if (!isRetryable) return make("E_STORE", `${name}: ${message}`);
  return make(
    "E_UNREACHABLE",
    `${url}: ${message}`,
    "Check that Qdrant runs there and that the host and port are right",
  );
}

/** Qdrant's own words, `{status: {error}}`, without what it quotes: that may be a point's text. */
function serverText(data: unknown): string | undefined {
  const error = typeof data === "string" ? data : (data as { status?: { error?: unknown } } | undefined)?.status?.error;
  if (typeof error !== "string") return undefined;
  return error.replaceAll(/"(?:[^"\\]|\\.)*(?:"|$)/gs, '"…"').slice(0, 500) || undefined;
}
