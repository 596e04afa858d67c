import type { FromHost, ToHost } from "./messages.js";
import { toPlainError } from "./messages.js";

/** What a host's `prepare` returns: facts for the parent, and how to answer requests. */
export interface HostService<Request, Reply> {
  readonly facts: unknown;
  readonly handle: (request: Request) => Promise<Reply>;
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
    process.on("message", ({ id, request }: ToHost) => {
      previous = previous.then(() => answer(service, id, request as Request, send));
    });
    send({ kind: "ready", facts: service.facts });
  } catch (error) {
    send({ kind: "failed", error: toPlainError(error) });
    process.disconnect();
  }
}

async function answer<Request, Reply>(
  service: HostService<Request, Reply>,
  id: number,
  request: Request,
  send: (message: FromHost) => void,
): Promise<void> {
  try {
    send({ kind: "reply", id, reply: await service.handle(request) });
  } catch (error) {
    send({ kind: "error", id, error: toPlainError(error) });
  }
}
