import { MillraceError } from "@millrace/core";
import type { ServerFacts } from "../../doctor/server-check.js";
import { TransferError } from "../../models/retry.js";
import { qdrantError } from "./errors.js";
import { parseQdrantPlace, type QdrantScheme } from "./place.js";

/** Asks the server who it is, and lists its collections, which needs the key. @throws E_UNREACHABLE, E_CREDENTIALS, E_STORE */
export async function qdrantFacts(
  { scheme, place }: { readonly scheme: QdrantScheme; readonly place: string },
  apiKey: string | undefined,
  signal: AbortSignal,
): Promise<ServerFacts> {
  const server = parseQdrantPlace(scheme, place);
  const headers = apiKey === undefined ? {} : { "api-key": apiKey };
  const get = (path: string) => fetch(`${server.url}${server.prefix}${path}`, { headers, signal });
  const greeting = await get("/");
  const { title, version } = ((await greeting.json().catch(() => undefined)) ?? {}) as Record<string, unknown>;
  if (typeof title !== "string" || !/qdrant/i.test(title) || typeof version !== "string") {
    throw new MillraceError("E_STORE", `${server.url} is no Qdrant server`, {
      why: `it answers ${greeting.status} and no version`,
      fix: "Check host and port: Qdrant's REST interface is on 6333, its gRPC on 6334",
    });
  }
  const { status } = await get("/collections");
  if (status >= 400)
    throw qdrantError(new TransferError(String(status), { isRetryable: false, status }), "it refuses", server);
  return { version, clock: Date.parse(greeting.headers.get("date") ?? "") || undefined };
}
