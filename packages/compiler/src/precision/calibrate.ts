import type { TokenBatch } from "@millrace/core";
import type { Graph } from "../graph/builder.js";
import { encodeGraph } from "../graph/encode.js";
import { type ChannelRanges, emptyRanges, widenRanges } from "./ranges.js";
import type { GraphRuntime, RunningGraph, TokenizerPlace } from "./runtime.js";

/** Longer rows would show little that these do not. */
const longestRow = 512;
/** Texts that are joined to a long row. */
const textsInLongRow = 8;

/** Rows of ids to calibrate with: each text alone, and long rows of several texts, cut at `maxTokens`. */
export async function calibrationRows(
  texts: readonly string[],
  { runtime, maxTokens, ...tokenizer }: RowsRequest,
): Promise<readonly Int32Array[]> {
  const joined = texts.flatMap((_, index) =>
    index % textsInLongRow === 0 ? [texts.slice(index, index + textsInLongRow).join(" ")] : [],
  );
  const rows = await runtime.tokenize([...texts, ...joined], tokenizer);
  return rows.filter(({ length }) => length > 0).map((ids) => cut(ids, Math.min(maxTokens, longestRow)));
}

export interface RowsRequest extends TokenizerPlace {
  readonly runtime: GraphRuntime;
  readonly maxTokens: number;
}

/** The last token of a row closes it, also where the row is cut. */
function cut(ids: Int32Array, length: number): Int32Array {
  if (ids.length <= length) return ids;
  const shorter = ids.slice(0, length);
  shorter[length - 1] = ids.at(-1) as number;
  return shorter;
}

export function batchOf(ids: Int32Array): TokenBatch {
  return { rows: 1, length: ids.length, ids };
}

/** A graph's bytes in memory: it is opened from there, and not kept. */
export async function openGraph(runtime: GraphRuntime, graph: Graph): Promise<RunningGraph> {
  const pieces: Uint8Array[] = [];
  for await (const piece of encodeGraph(graph, "calibration")) pieces.push(piece);
  return runtime.open(Buffer.concat(pieces));
}

/** Runs the float graph over rows and notes the range of each channel of some values, given with their channels' number. */
export async function observe(
  graph: Graph,
  values: ReadonlyMap<string, number>,
  { runtime, rows }: { readonly runtime: GraphRuntime; readonly rows: readonly Int32Array[] },
): Promise<ReadonlyMap<string, ChannelRanges>> {
  const shape = ["batch", "sequence", "channels"];
  const watched = [...values.keys()].map((name) => ({ name, type: "float32" as const, shape }));
  const running = await openGraph(runtime, { ...graph, outputs: watched });
  const ranges = new Map([...values].map(([name, channels]) => [name, emptyRanges(channels)]));
  try {
    for (const ids of rows) {
      for (const [name, found] of await running.run(batchOf(ids)))
        widenRanges(ranges.get(name) as ChannelRanges, found);
    }
  } finally {
    await running.close();
  }
  return ranges;
}
