import type { TokenBatch } from "@millrace/core";
import { serveHost } from "../hosts/serve.js";
import { openSession, type SessionOptions } from "./onnx-session.js";

/** The encoder host: a process of its own, because a kernel may crash, hang, or block the thread that called it. */
await serveHost<SessionOptions, TokenBatch, Float32Array>(async (options) => {
  const session = await openSession(options);
  return { facts: null, atOnce: options.lanes ?? 1, handle: (batch, signal) => session.run(batch, signal) };
});
