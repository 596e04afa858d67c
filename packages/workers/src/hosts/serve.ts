import type { FromHost, ToHost } from "./messages.js";
import { toPlainError } from "./messages.js";

/** What a host's `prepare` returns: facts for the parent, and how to answer requests. */
export interface HostService<Request, Reply> {
  readonly facts: unknown;
  /** @param signal fires when nobody wants the answer any more: whatever it throws then will do. */
  readonly handle: (request: Request, signal: AbortSignal) => Promise<Reply>;
}

/**
 * The child's side of a host: prepares once with the settings from its first argument, then answers requests one after
 * another. Ends when the parent goes away, however it went.
 */
export async function serveHost<Settings, Request, Reply>(
  prepare: (settings: Settings, note: (note: unknown) => void) => Promise<HostService<Request, Reply>>,
): Promise<void> {
  process.on("disconnect", () => process.exit(0));
  process.on("SIGINT", () => {});
  // Where the parent is gone there is nobody to tell; "disconnect" ends this process.
  const send = (message: FromHost) => void process.send?.(message, undefined, undefined, () => {});
  try {
    const settings = JSON.parse(process.argv[2] ?? "null") as Settings;
    const service = await prepare(settings, (note) => send({ kind: "note", note }));
    let previous: Promise<void> = Promise.resolve();
    const asked = new Map<number, AbortController>();
    process.on("message", (message: ToHost) => {
      const { id } = message;
      if (message.kind === "cancel") {
        asked.get(id)?.abort();
        return;
      }
      const { signal } = asked.set(id, new AbortController()).get(id) as AbortController;
      const request = { id, request: message.request as Request, signal };
      previous = previous.then(() => answer(service, request, send)).finally(() => asked.delete(id));
    });
    send({ kind: "ready", facts: service.facts });
  } catch (error) {
    send({ kind: "failed", error: toPlainError(error) });
    process.disconnect();
  }
}

interface Asked<Request> {
  readonly id: number;
  readonly request: Request;
  readonly signal: AbortSignal;
}

async function answer<Request, Reply>(
  service: HostService<Request, Reply>,
  { id, request, signal }: Asked<Request>,
  send: (message: FromHost) => void,
): Promise<void> {
  try {
    signal.throwIfAborted();
    send({ kind: "reply", id, reply: await service.handle(request, signal) });
  } catch (error) {
    send({ kind: "error", id, error: toPlainError(error) });
  }
}
