import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";

/** What every answer of the page carries. Scripts and styles come from files of this package, and nothing else is loaded. */
export const securityHeaders = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
} as const;

/** Why a request is not answered. */
export interface Refusal {
  readonly status: 400 | 403 | 405;
  readonly why: string;
}

/** The parts of a request that decide whether it is answered. */
export interface RequestFacts {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Refuses what would change something, what another site's page sends, and names that are not this machine's: a site
 * whose name is made to lead here (DNS rebinding) must not read the store.
 * @param host the address that is listened on
 */
export function refusalOf({ method, headers }: RequestFacts, host: string): Refusal | undefined {
  if (method !== "GET") return { status: 405, why: "The page only reads: there is GET and nothing else." };
  if (!isOwnName(nameIn(headers.host), host)) return { status: 403, why: "This page answers under another name." };
  const from = headers["sec-fetch-site"];
  const isForeign = from !== undefined && from !== "same-origin" && from !== "none";
  // Following a link to the page is harmless; asking for what it shows is not.
  if (isForeign && headers["sec-fetch-mode"] !== "navigate")
    return { status: 403, why: "Another site's page may not read this one." };
  return undefined;
}

/** True for the addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  const name = withoutBrackets(host).toLowerCase();
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

function isOwnName(name: string, host: string): boolean {
  if (isLoopback(name)) return true;
  const listened = withoutBrackets(host).toLowerCase();
  if (isLoopback(host)) return false;
  // Listening everywhere, it is reached by any of the machine's addresses: an address cannot be rebound.
  const isEverywhere = listened === "0.0.0.0" || listened === "::";
  return name === listened || (isEverywhere && isIP(name) !== 0);
}

/** The name in a Host header, without port and brackets. */
function nameIn(header: string | undefined): string {
  return withoutBrackets((header ?? "").replace(/:\d+$/, "")).toLowerCase();
}

function withoutBrackets(name: string): string {
  return name.replace(/^\[(.*)\]$/, "$1");
}
