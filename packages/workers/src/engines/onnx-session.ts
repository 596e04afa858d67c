import { readFile } from "node:fs/promises";
import { MillraceError } from "@millrace/core";
import { sha256 } from "../identity/digest.js";
import { defaultBinding } from "./bindings.js";
import type { Session, SessionBinding } from "./session.js";

export interface SessionOptions {
  readonly graphPath: string;
  /** sha256 the graph must have: a model file is code. */
  readonly graphDigest: string;
  readonly threads: number;
  /** 1 by default. */
  readonly lanes?: number;
  /** The best one by default. */
  readonly binding?: SessionBinding;
}

/** Loads from verified bytes, never from the path: bytes cannot name other files. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { graphPath, graphDigest, threads, lanes = 1, binding } = options;
  const graph = await verifiedBytes(graphPath, graphDigest);
  const session = await (binding ?? (await defaultBinding())).open(graph, { threads, lanes });
  free(graph);
  return session;
}

/** The garbage collector does not feel how large these bytes are, and would keep them for as long as it has little to do. */
function free({ buffer, byteLength }: Buffer<ArrayBuffer>): void {
  if (buffer.byteLength === byteLength) buffer.transfer(0);
}

async function verifiedBytes(graphPath: string, graphDigest: string): Promise<Buffer<ArrayBuffer>> {
  const bytes = await readFile(graphPath).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError("E_MODEL_DIGEST", `the compiled graph ${graphPath} cannot be read`, {
      why,
      fix: "Run again: it is compiled anew.",
      cause,
    });
  });
  const digest = sha256(bytes);
  if (digest === graphDigest) return bytes;
  throw new MillraceError("E_MODEL_DIGEST", `the compiled graph ${graphPath} is damaged`, {
    why: `its sha256 is ${digest.slice(0, 12)}…, not ${graphDigest.slice(0, 12)}…`,
    fix: "Delete its folder; it is compiled again on the next run.",
  });
}
