import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A model hub on the loopback interface: the listing, `resolve` with ranges and ETags, and whatever goes wrong on the way. */
export interface HubServer {
  readonly endpoint: string;
  readonly requests: HubRequestSeen[];
  close(): Promise<void>;
}

export interface HubRequestSeen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** What to do instead of answering; taken once, in order, by requests whose path ends with `on`. */
export interface Fault {
  readonly on: string;
  readonly kind: "cut" | "status" | "stall" | "redirect" | "corrupt";
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** Bytes sent before the connection is cut or falls silent. */
  readonly after?: number;
  readonly to?: string;
  readonly isPermanent?: boolean;
}

export interface HubContent {
  readonly id: string;
  readonly files: Readonly<Record<string, Buffer>>;
  readonly faults?: readonly Fault[];
  /** Additional names in the listing. */
  readonly listed?: readonly string[];
  readonly branches?: readonly string[];
  readonly hasBlobs?: boolean;
}

export const commit = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf";

export async function startHub(content: HubContent): Promise<HubServer> {
  const requests: HubRequestSeen[] = [];
  const faults = [...(content.faults ?? [])];
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://hub").pathname;
    requests.push({ path, headers: request.headers });
    const at = faults.findIndex(({ on }) => path.endsWith(on));
    const fault = at < 0 ? undefined : faults[at];
    if (fault !== undefined && !fault.isPermanent) faults.splice(at, 1);
    answer(path, { content, fault, headers: request.headers, response });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, requests, close: () => stop(server) };
}

interface Exchange {
  readonly content: HubContent;
  readonly fault: Fault | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly response: ServerResponse;
}

function answer(path: string, { content, fault, headers, response }: Exchange): void {
  const listing = /^\/api\/models\/(.+)\/revision\/(.+)$/.exec(path);
  const name = decodeURIComponent(path.split(`/resolve/${commit}/`)[1] ?? path.slice(1));
  const bytes = content.files[name];
  if (fault?.kind === "status") response.writeHead(fault.status ?? 500, fault.headers).end();
  else if (fault?.kind === "redirect") response.writeHead(302, { location: fault.to, ...fault.headers }).end();
  else if (fault?.kind === "stall" && fault.after === undefined) return;
  else if (listing !== null) list(content, { id: listing[1] ?? "", revision: listing[2] ?? "" }, response);
  else if (bytes === undefined) response.writeHead(404).end();
  else if (fault?.kind === "corrupt") sendFile(Buffer.alloc(bytes.length, "x"), { fault, headers, response });
  else sendFile(bytes, { fault, headers, response });
}

function list(content: HubContent, { id, revision }: { id: string; revision: string }, response: ServerResponse): void {
  const revisions = ["main", commit, ...(content.branches ?? [])];
  const siblings = Object.entries(content.files).map(([name, bytes]) => sibling(name, bytes, content.hasBlobs ?? true));
  const listed = (content.listed ?? []).map((rfilename) => ({ rfilename }));
  const body = { id: content.id, sha: commit, tags: ["license:apache-2.0"], siblings: [...siblings, ...listed] };
  if (id !== content.id) response.writeHead(401, { "x-error-code": "RepoNotFound" }).end();
  else if (revisions.includes(revision)) response.writeHead(200).end(JSON.stringify(body));
  else response.writeHead(404, { "x-error-code": "RevisionNotFound", "x-error-message": "Invalid rev" }).end();
}

function sibling(rfilename: string, bytes: Buffer, hasBlobs: boolean): object {
  if (!hasBlobs) return { rfilename };
  const blobId = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  const lfs = { sha256: sha256(bytes), size: bytes.length, pointerSize: 134 };
  return { rfilename, size: bytes.length, blobId, ...(rfilename.endsWith(".safetensors") && { lfs }) };
}

function sendFile(bytes: Buffer, { fault, headers, response }: Omit<Exchange, "content">): void {
  const etag = `"${sha256(bytes)}"`;
  const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
  const isRest = from > 0 && (headers["if-range"] === undefined || headers["if-range"] === etag);
  const start = isRest ? from : 0;
  const range = isRest ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
  if (start >= bytes.length && bytes.length > 0) {
    response.writeHead(416).end();
    return;
  }
  response.writeHead(isRest ? 206 : 200, { etag, "content-length": bytes.length - start, ...range });
  if (fault?.kind === "cut" || fault?.kind === "stall") {
    const isCut = fault.kind === "cut";
    response.write(
      bytes.subarray(start, start + (fault.after ?? 0)),
      () => isCut && setTimeout(() => response.destroy(), 20),
    );
  } else response.end(bytes.subarray(start));
}

export function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
}
