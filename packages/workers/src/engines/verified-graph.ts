import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import type { WeightsPlace } from "@millrace/compiler";
import { MillraceError } from "@millrace/core";
import { sha256 } from "../identity/digest.js";
import type { LoadedWeights } from "./session.js";

/** A compiled graph on disk. */
export interface GraphPlace {
  readonly graphPath: string;
  /** sha256 the graph must have: a model file is code. */
  readonly graphDigest: string;
  /** Files that the graph takes weights from. */
  readonly weights: readonly WeightsPlace[];
}

/**
 * Hands over the verified bytes of a graph, which are let go of afterwards: a session has copied them by then.
 * @throws E_MODEL_DIGEST
 */
export async function withVerifiedGraph<Result>(
  { graphPath, graphDigest, weights }: GraphPlace,
  use: (graph: Uint8Array, weights: readonly LoadedWeights[]) => Promise<Result>,
): Promise<Result> {
  const loaded = await Promise.all(weights.map(verifiedWeights));
  const graph = await verifiedBytes(graphPath, graphDigest);
  const result = await use(graph, loaded);
  free(graph);
  return result;
}

/** The garbage collector does not feel how large these bytes are, and would keep them for as long as it has little to do. */
function free({ buffer, byteLength }: Buffer<ArrayBuffer>): void {
  if (buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Read in pieces: files of weights may be larger than one read call takes. */
async function verifiedWeights({ path, name, bytes, sha256: expected }: WeightsPlace) {
  const data = new Uint8Array(bytes);
  const hash = createHash("sha256");
  let filled = 0;
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
      if (filled + piece.length > bytes) break;
      data.set(piece, filled);
      hash.update(piece);
      filled += piece.length;
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const digest = hash.digest("hex");
  if (digest === expected) return { path: name, data };
  throw damaged(path, { digest, expected });
}

async function verifiedBytes(graphPath: string, graphDigest: string): Promise<Buffer<ArrayBuffer>> {
  const bytes = await readFile(graphPath).catch((cause: unknown) => {
    throw unreadable(graphPath, cause);
  });
  const digest = sha256(bytes);
  if (digest === graphDigest) return bytes;
  throw damaged(graphPath, { digest, expected: graphDigest });
}

function unreadable(path: string, cause: unknown): MillraceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MillraceError("E_MODEL_DIGEST", `the compiled graph ${path} cannot be read`, {
    why,
    fix: "Run again: it is compiled anew.",
    cause,
  });
}

function damaged(path: string, { digest, expected }: { digest: string; expected: string }): MillraceError {
  return new MillraceError("E_MODEL_DIGEST", `the compiled graph ${path} is damaged`, {
    why: `its sha256 is ${digest.slice(0, 12)}…, not ${expected.slice(0, 12)}…`,
    fix: "Delete its folder; it is compiled again on the next run.",
  });
}
