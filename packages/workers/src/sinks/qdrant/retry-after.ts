import { subscribe } from "node:diagnostics_channel";

/** The part of undici's report on an answer's head that is looked at; headers are names and values in turn. */
interface AnswerHead {
  readonly request: { readonly origin?: string | URL | null };
  readonly response: { readonly statusCode: number; readonly headers: readonly (Buffer | string)[] };
}

/** What each listened-to server asked for with its last 429; "" where it has not. */
const asked = new Map<string, string>();

/**
 * Hears what a server's refusals ask for. Of a 429's `Retry-After` the vendor's client hands on the first character only
 * and drops the rest with the answer, but undici, by which it speaks, reports each answer's head before.
 */
export function hearRetryAfter(url: string): void {
  if (asked.size === 0) subscribe("undici:request:headers", (message) => hear(message as AnswerHead));
  const { origin } = new URL(url);
  if (!asked.has(origin)) asked.set(origin, "");
}

/** The `Retry-After` of the server's last 429, to whichever request: it is the server that is busy. Null where it had none. */
export function lastRetryAfter(url: string): string | null {
  return asked.get(new URL(url).origin) || null;
}

function hear({ request, response }: AnswerHead): void {
  if (response.statusCode !== 429 || !request.origin) return;
  const { origin } = new URL(request.origin);
  if (!asked.has(origin)) return;
  const names = response.headers.map(String);
  const index = names.findIndex((name, place) => place % 2 === 0 && name.toLowerCase() === "retry-after");
  asked.set(origin, index < 0 ? "" : (names[index + 1] ?? ""));
}
