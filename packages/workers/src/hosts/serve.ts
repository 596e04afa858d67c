import type { FromHost, ToHost } from "./messages.js";
import { toPlainError } from "./messages.js";

/** What a host's `prepare` returns: facts for the parent, and how to answer requests. */
export interface HostService<Request, Reply> {
  readonly facts: unknown;
  /** Requests it works on at the same time; 1 by default. */
  readonly atOnce?: number;
  /** @param signal fires when nobody wants the answer any more: whatever it throws then will do. */
  readonly handle: (request: Request, signal: AbortSignal) => Promise<Reply>;
}

/**
 * The child's side of a host: prepares once with the settings from its first argument, then begins requests in the order
 * they come, as many at once as the service can. Ends when the parent goes away, however it went.
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
    const begin = inTurns(service.atOnce ?? 1);
    const waiting = new Set<number>();
    const underWay = new Map<number, AbortController>();
    process.on("message", (message: ToHost) => {
      const { id } = message;
      if (message.kind === "cancel") {
        if (waiting.delete(id)) send({ kind: "error", id, error: toPlainError(new Error("given up")) });
        else underWay.get(id)?.abort();
        return;
      }
      waiting.add(id);
      begin(async () => {
        if (!waiting.delete(id)) return;
        const { signal } = underWay.set(id, new AbortController()).get(id) as AbortController;
        await answer(service, { id, request: message.request as Request, signal }, send);
        underWay.delete(id);
      });
    });
    send({ kind: "ready", facts: service.facts });
  } catch (error) {
    send({ kind: "failed", error: toPlainError(error) });
    process.disconnect();
  }
}

/** Begins tasks in the order they are given, at most so many at once. */
function inTurns(atOnce: number): (task: () => Promise<void>) => void {
  const waiting: (() => Promise<void>)[] = [];
  let underWay = 0;
  const next = async (): Promise<void> => {
    const task = underWay < atOnce ? waiting.shift() : undefined;
    if (task === undefined) return;
    underWay += 1;
    await task();
    underWay -= 1;
    void next();
  };
  return (task) => {
    waiting.push(task);
    void next();
  };
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
    send({ kind: "reply", id, reply: await service.handle(request, signal) });
  } catch (error) {
    send({ kind: "error", id, error: toPlainError(error) });
  }
}
