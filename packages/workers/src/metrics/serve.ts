import { createServer, type Server, type ServerResponse } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { MillraceError } from "@millrace/core";
import type { Metrics } from "./metrics.js";

export interface MetricsEndpoint {
  /** Where it is reached, as `http://127.0.0.1:9464`. */
  readonly url: string;
  close(): Promise<void>;
}

export interface EndpointOptions {
  readonly host: string;
  /** 0 means one that is free. */
  readonly port: number;
  /** True once this process takes work; `/readyz` answers 503 until then. */
  readonly isReady: () => boolean;
  /** Metrics of others in this process, in the same format, put behind ours. */
  readonly others?: () => Promise<string>;
}

/** Serves `/metrics` for Prometheus, `/healthz` (the event loop turns) and `/readyz`. @throws E_CONFIG where the port is taken */
export async function serveMetrics(metrics: Metrics, options: EndpointOptions): Promise<MetricsEndpoint> {
  const { host, port } = options;
  const watch = watchEventLoop(metrics);
  const server = createServer((request, response) => {
    void answer(request.url ?? "/", response, { metrics, ...options });
  });
  try {
    await listen(server, { host, port });
  } catch (cause) {
    watch.disable();
    throw new MillraceError("E_CONFIG", `metrics cannot be served on ${host}:${port}`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Give another --metrics-port, or 0 for one that is free.",
      cause,
    });
  }
  // Whoever scrapes must not keep the process alive.
  server.unref();
  return {
    url: urlOf(server),
    async close() {
      watch.disable();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, place: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(place, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new MillraceError("E_INTERNAL", "the endpoint has no port");
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

async function answer(
  url: string,
  response: ServerResponse,
  { metrics, isReady, others = async () => "" }: EndpointOptions & { readonly metrics: Metrics },
): Promise<void> {
  const [path] = url.split("?", 1);
  if (path === "/healthz") return send(response, 200, "ok\n");
  if (path === "/readyz") return isReady() ? send(response, 200, "ok\n") : send(response, 503, "starting\n");
  if (path !== "/metrics") return send(response, 404, "There are /metrics, /healthz and /readyz.\n");
  try {
    const texts = await Promise.all([metrics.text(), others()]);
    send(response, 200, texts.join(""), metrics.contentType);
  } catch (error) {
    send(response, 500, `${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function send(response: ServerResponse, status: number, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(text);
}

const resolutionMilliseconds = 10;

function watchEventLoop(metrics: Metrics) {
  const delays = monitorEventLoopDelay({ resolution: resolutionMilliseconds });
  delays.enable();
  metrics.beforeRead(() => {
    const nanoseconds = { median: delays.percentile(50), p99: delays.percentile(99), maximum: delays.max };
    for (const at of ["median", "p99", "maximum"] as const) {
      const late = Math.max(0, nanoseconds[at] / 1e9 - resolutionMilliseconds / 1000);
      metrics.set("millrace_event_loop_delay_seconds", { at }, Number.isFinite(late) ? late : 0);
    }
    delays.reset();
  });
  return delays;
}
