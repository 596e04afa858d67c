import type { NativeModel } from "./addon.js";

let lastTicket = 0;

/** Starts a run under a ticket of its own and cancels it when the signal fires. */
export async function cancellable<Result>(
  model: NativeModel,
  signal: AbortSignal | undefined,
  start: (ticket: number) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  lastTicket = (lastTicket + 1) % 2 ** 32;
  const ticket = lastTicket;
  const cancel = () => model.cancel(ticket);
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await start(ticket);
  } catch (error) {
    if (signal?.aborted && (error as NodeJS.ErrnoException).code === "NATIVE_CANCELLED") throw signal.reason;
    throw error;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}
