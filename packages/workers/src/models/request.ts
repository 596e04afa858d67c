import type { TransferLimits } from "./model.js";
import { parseRetryAfter, TransferError } from "./retry.js";

export interface HubAccess {
  readonly endpoint: URL;
  readonly token?: string | undefined;
  readonly limits: TransferLimits;
  readonly signal?: AbortSignal | undefined;
}

/** An answer with status 2xx, and what the hub itself said about the file before it sent the client elsewhere. */
export interface HubAnswer {
  readonly response: Response;
  /** `X-Linked-Etag` of the hub, unquoted: a sha256 for large files, a git blob's sha1 for small ones. */
  readonly linkedEtag?: string;
  /** Bytes of the body; ends with a TransferError when the connection breaks or falls silent. */
  body(): AsyncIterable<Uint8Array>;
}

export interface HubRequest {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** A CDN is one redirect away, a renamed repository one more. */
const maxRedirects = 5;

/**
 * GETs a URL, following redirects by hand so that the token stays with the endpoint's own origin.
 * @throws TransferError
 */
export async function requestHub(access: HubAccess, request: HubRequest): Promise<HubAnswer> {
  const watchdog = startWatchdog(access.signal);
  let linkedEtag: string | undefined;
  try {
    for (let url = request.url, redirects = 0; redirects <= maxRedirects; redirects += 1) {
      watchdog.expectWithin(request.timeoutMs);
      const response = await fetchOnce(url, access, { ...request, signal: watchdog.signal });
      linkedEtag ??= unquoted(response.headers.get("x-linked-etag"));
      const location = response.status >= 300 && response.status < 400 ? response.headers.get("location") : null;
      if (location === null) {
        if (!response.ok) throw await failureOf(response, url);
        return { response, ...(linkedEtag && { linkedEtag }), body: () => readBody(response, access, watchdog) };
      }
      await response.body?.cancel();
      url = new URL(location, url);
    }
    throw new TransferError(`${request.url.host} redirects in circles`, { isRetryable: false });
  } catch (error) {
    watchdog.stop();
    throw error;
  }
}

async function fetchOnce(
  url: URL,
  access: HubAccess,
  request: HubRequest & { signal: AbortSignal },
): Promise<Response> {
  const isOwnOrigin = url.origin === access.endpoint.origin;
  const authorization = access.token !== undefined && isOwnOrigin ? { authorization: `Bearer ${access.token}` } : {};
  try {
    return await fetch(url, {
      redirect: "manual",
      headers: { "accept-encoding": "identity", "user-agent": "millrace", ...request.headers, ...authorization },
      signal: request.signal,
    });
  } catch (error) {
    access.signal?.throwIfAborted();
    const why = request.signal.aborted ? `no answer within ${request.timeoutMs / 1000} s` : reasonOf(error);
    throw new TransferError(`${url.host} cannot be reached (${why})`, { isRetryable: true, cause: error });
  }
}

async function* readBody(response: Response, access: HubAccess, watchdog: Watchdog): AsyncIterable<Uint8Array> {
  const { idleTimeoutMs } = access.limits;
  try {
    watchdog.expectWithin(idleTimeoutMs);
    for await (const piece of response.body ?? []) {
      yield piece;
      watchdog.expectWithin(idleTimeoutMs);
    }
  } catch (error) {
    access.signal?.throwIfAborted();
    const why = watchdog.signal.aborted ? `no byte for ${idleTimeoutMs / 1000} s` : reasonOf(error);
    throw new TransferError(`the connection broke (${why})`, { isRetryable: true, cause: error });
  } finally {
    watchdog.stop();
  }
}

interface Watchdog {
  readonly signal: AbortSignal;
  expectWithin(milliseconds: number): void;
  stop(): void;
}

/** Aborts when the expected does not come in time, or when `outer` does. */
function startWatchdog(outer: AbortSignal | undefined): Watchdog {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  return {
    signal: outer === undefined ? controller.signal : AbortSignal.any([outer, controller.signal]),
    expectWithin: (milliseconds) => {
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(), milliseconds);
    },
    stop: () => clearTimeout(timer),
  };
}

async function failureOf(response: Response, url: URL): Promise<TransferError> {
  await response.body?.cancel();
  const { status, headers } = response;
  const said = headers.get("x-error-message") ?? response.statusText;
  const isRetryable = status === 429 || status >= 500 || status === 408;
  const retryAfterMs = parseRetryAfter(headers.get("retry-after"), Date.now());
  const message = `${url.host} answers ${status}${said === "" ? "" : ` (${said})`} for ${url.pathname}`;
  const fix = adviceFor(status, headers.get("x-error-code"));
  return new TransferError(message, { isRetryable, status, retryAfterMs, ...(fix && { fix }) });
}

/** A hub hides what the caller may not see behind 401, so a wrong name and a missing token look alike. */
function adviceFor(status: number, code: string | null): string | undefined {
  if (code === "GatedRepo" || status === 403) return "Accept the model's terms on the hub and give a token in HF_TOKEN";
  if (status === 401) return "Check the model's name; for a private or gated one give a token in HF_TOKEN";
  if (code === "RevisionNotFound") return "Check the revision after the @";
  if (status === 404) return "Check the model's name and revision";
  return undefined;
}

/** `fetch` says "fetch failed" and keeps the reason in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = (cause as NodeJS.ErrnoException).code;
  return cause.message !== "" ? cause.message : (code ?? error.message);
}

function unquoted(etag: string | null): string | undefined {
  return etag?.replace(/^W\//, "").replaceAll('"', "");
}
