import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { asKnown } from "../report/errors.js";

const everyMilliseconds = 1_000;

/**
 * Sends what `read` gives as server-sent events, once a second, as long as somebody listens: `state` where it is another
 * than before, `problem` where it cannot be read.
 */
export async function streamEvents(
  response: ServerResponse,
  headers: OutgoingHttpHeaders,
  read: () => Promise<unknown>,
): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  response.writeHead(200, { ...headers, "content-type": "text/event-stream" });
  for (let last = ""; !gone.signal.aborted; ) {
    const event = await read().then(
      (state) => `event: state\ndata: ${JSON.stringify(state)}\n\n`,
      (error: unknown) => `event: problem\ndata: ${JSON.stringify(asKnown(error).message)}\n\n`,
    );
    if (event !== last) response.write(event);
    last = event;
    await delay(everyMilliseconds, undefined, { signal: gone.signal }).catch(() => {});
  }
}
