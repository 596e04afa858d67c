import type { TokenBatch } from "@millrace/core";
import { serveHost } from "../hosts/serve.js";
import { openSession, type SessionOptions } from "./onnx-session.js";

/** The encoder host: a process of its own, because ONNX Runtime's `run()` blocks the thread that calls it. */
await serveHost<SessionOptions, TokenBatch, Float32Array>(async (options) => {
  const session = await openSession(options);
  return { facts: null, handle: (batch) => session.run(batch) };
});
