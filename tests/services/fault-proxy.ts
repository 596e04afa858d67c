import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { randomNumbers } from "../support/corpus.ts";

/** What may happen to a request, or to its answer. */
export const faultKinds = [
  "error",
  "throttled",
  "reset",
  "reset in the body",
  "body cut short",
  "slow body",
  "answer lost",
  "changed",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface FaultProxyOptions {
  /** Such as `http://127.0.0.1:8333`. */
  readonly target: string;
  readonly seed: number;
  /** Share of requests that something happens to. */
  readonly rate: number;
  readonly kinds: readonly FaultKind[];
}

/** An HTTP proxy that does to requests and answers what networks and busy servers do; the same seed does the same. */
export class FaultProxy {
  readonly counts = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  readonly #options: FaultProxyOptions;
  readonly #random: () => number;
  readonly #server: Server;

  constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#random = randomNumbers(options.seed);
    this.#server = createServer((asked, answer) => {
      this.#pass(asked, answer).catch(() => asked.socket.destroy());
    });
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  /** @returns where it listens */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #choose(asked: IncomingMessage): FaultKind | undefined {
    const { rate, kinds } = this.#options;
    if (this.#random() >= rate) return undefined;
    const kind = kinds[Math.floor(this.#random() * kinds.length)] as FaultKind;
    // Only what was asked for in one version can have changed.
    return kind === "changed" && asked.headers["if-match"] === undefined ? "error" : kind;
  }

  async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await bytesOf(asked);
    const kind = this.#choose(asked);
    if (kind !== undefined) this.counts[kind] += 1;
    if (kind === "reset") return void asked.socket.destroy();
    if (kind === "error") return refuse(answer, this.#random() < 0.5 ? 500 : 503);
    if (kind === "throttled") return refuse(answer, 429);
    if (kind === "changed") return refuse(answer, 412);
    const { status, headers, content } = await forward(this.#options.target, asked, body);
    if (kind === "answer lost") return void asked.socket.destroy();
    answer.writeHead(status, headers);
    const half = content.subarray(0, Math.floor(content.length / 2));
    if (kind === "reset in the body" || kind === "body cut short") {
      await new Promise((resolve) => (half.length > 0 ? answer.write(half, resolve) : resolve(undefined)));
      answer.flushHeaders();
      return void (kind === "body cut short" ? asked.socket.end() : asked.socket.destroy());
    }
    if (kind === "slow body" && half.length > 0) {
      answer.write(half);
      await delay(5 + 40 * this.#random());
      answer.end(content.subarray(half.length));
    } else answer.end(content);
  }
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The words that S3 and Qdrant have for it; each client looks at its own. */
function refuse(answer: ServerResponse, status: number): void {
  const code = { 412: "PreconditionFailed", 429: "SlowDown", 500: "InternalError", 503: "SlowDown" }[status];
  const isRead = answer.req.method === "HEAD";
  const body = answer.req.url?.startsWith("/collections")
    ? JSON.stringify({ status: { error: code } })
    : `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>injected</Message></Error>`;
  answer.writeHead(status, {
    "content-type": body.startsWith("{") ? "application/json" : "application/xml",
    "retry-after": "0",
  });
  answer.end(isRead ? undefined : body);
}

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly content: Buffer;
}

/** The request as it came, signed host included, and the whole answer. */
function forward(target: string, { method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
  const { hostname, port } = new URL(target);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path: url, headers }, async (got) => {
      const content = await bytesOf(got).catch(reject);
      if (content === undefined) return;
      const { "transfer-encoding": _, connection: __, ...rest } = got.headers;
      const length = method === "HEAD" ? {} : { "content-length": String(content.length) };
      resolve({ status: got.statusCode ?? 500, headers: { ...rest, ...length }, content });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
