import { type BatchRef, inPieces, type Job, type Shard, type Split, type VectorsRef } from "@millrace/core";
import { type Runtime, windowOf } from "./runtime.js";
import { inWindow } from "./window.js";

/**
 * Works on a shard and on what continues it: while one part is encoded, the next is read and split.
 * @returns what is left of the shard where the runtime wants a rest.
 */
export async function embedShard(runtime: Runtime, job: Job, shard: Shard): Promise<Shard | undefined> {
  const left: { rest?: Shard } = {};
  await inWindow(partsOf(runtime, job, shard, left), { limit: partsUnderWay }, ({ part, split }) =>
    finishPart(runtime, job, part, split),
  );
  return left.rest;
}

/** Two, so that the engine has the next part's batches before the last ones of this part are written. */
const partsUnderWay = 2;

interface Part {
  readonly part: Shard;
  readonly split: Split;
}

async function* partsOf(runtime: Runtime, job: Job, shard: Shard, left: { rest?: Shard }): AsyncGenerator<Part> {
  for (let part: Shard | undefined = shard; part !== undefined; ) {
    if (part !== shard && runtime.wantsRest()) {
      left.rest = part;
      return;
    }
    await runtime.checkpoint();
    const split: Split = await runtime.steps.split(job, part);
    runtime.report({ kind: "split", counts: split.counts, isDone: split.isDone });
    yield { part, split };
    part = split.rest;
  }
}

async function finishPart(runtime: Runtime, job: Job, part: Shard, split: Split): Promise<void> {
  if (split.isDone) return;
  const vectors: VectorsRef[] = [];
  const pieces = inPieces(split.batches, runtime.windows.batchesPerEncode);
  await inWindow(pieces, windowOf(runtime, "encodes"), async (batches) => {
    for (const encoded of await encodeBatches(runtime, job, batches)) vectors[encoded.index] = encoded;
  });
  const receipts = await runtime.steps.write(job, part, vectors);
  runtime.report({ kind: "written", points: receipts.reduce((sum, { points }) => sum + points, 0) });
}

async function encodeBatches(runtime: Runtime, job: Job, batches: readonly BatchRef[]): Promise<readonly VectorsRef[]> {
  await runtime.checkpoint();
  const vectors = await runtime.steps.encode(job, batches);
  runtime.report({
    kind: "encoded",
    chunks: vectors.reduce((sum, { points }) => sum + points, 0),
    reused: vectors.reduce((sum, { reused }) => sum + reused.chunks, 0),
    tokens:
      batches.reduce((sum, { tokens }) => sum + tokens, 0) -
      vectors.reduce((sum, { reused }) => sum + reused.tokens, 0),
    quarantined: vectors.reduce((sum, { quarantined }) => sum + quarantined, 0),
  });
  return vectors;
}
