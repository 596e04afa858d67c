import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { MillraceError } from "@millrace/core";
import { asKnown } from "../report/errors.js";
import { type Answer, answerApi } from "./api.js";
import { type Asset, readAssets } from "./assets.js";
import { streamEvents } from "./event-stream.js";
import { refusalOf, securityHeaders } from "./guard.js";
import type { PageParts } from "./parts.js";

export interface PageServer {
  /** As `http://127.0.0.1:4680`. */
  readonly url: string;
  close(): Promise<void>;
}

export interface PagePlace {
  readonly host: string;
  /** 0 means one that is free. */
  readonly port: number;
}

/** Serves the page and what it shows. @throws E_CONFIG where the port is taken */
export async function servePage(parts: PageParts, place: PagePlace): Promise<PageServer> {
  const assets = await readAssets();
  const underWay = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const answered = answer(request, response, { parts, assets, place }).finally(() => underWay.delete(answered));
    underWay.add(answered);
  });
  await listen(server, place);
  return {
    url: urlOf(server, place.host),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      // Nobody hears them any more, but they still use the parts.
      await Promise.allSettled(underWay);
    },
  };
}

interface Served {
  readonly parts: PageParts;
  readonly assets: ReadonlyMap<string, Asset>;
  readonly place: PagePlace;
}

async function answer(request: IncomingMessage, response: ServerResponse, served: Served): Promise<void> {
  const refusal = refusalOf(request, served.place.host);
  if (refusal !== undefined) return send(response, text(refusal.status, refusal.why));
  const url = URL.parse(request.url ?? "/", "http://page");
  if (url === null) return send(response, text(400, "This is no address."));
  const asset = served.assets.get(url.pathname);
  if (asset !== undefined) return send(response, { status: 200, ...asset });
  if (url.pathname === "/api/jobs/events") return streamEvents(response, securityHeaders, () => served.parts.jobs());
  try {
    send(response, (await answerApi(served.parts, url)) ?? text(404, "There is nothing here."));
  } catch (error) {
    send(response, failure(error));
  }
}

/** What the reader of the page can repair is told apart from what nobody there can. */
function failure(cause: unknown): Answer {
  const error = asKnown(cause);
  const { code, what, why, fix } = error;
  const body = JSON.stringify({ error: { code, what, why, fix } });
  return { status: error.facts.exit === 2 ? 400 : 500, type: "application/json", bytes: Buffer.from(body) };
}

function text(status: number, line: string): Answer {
  return { status, type: "text/plain; charset=utf-8", bytes: Buffer.from(`${line}\n`) };
}

function send(response: ServerResponse, { status, type, bytes, headers }: Answer): void {
  const own = { "content-type": type, "content-length": bytes.byteLength };
  response.writeHead(status, { ...securityHeaders, ...headers, ...own });
  response.end(bytes);
}

async function listen(server: Server, { host, port }: PagePlace): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: host.replace(/^\[(.*)\]$/, "$1"), port }, resolve);
    });
  } catch (cause) {
    throw new MillraceError("E_CONFIG", `the page cannot be served on ${host}:${port}`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Give another --port, or 0 for one that is free.",
      cause,
    });
  }
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
