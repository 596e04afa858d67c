import { addBlockProduct, addBlockRows, blockWeight } from "../architectures/block-product.js";
import { addProduct, addWeight } from "../architectures/layers.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { LazyTensor } from "../weights/checkpoint.js";

/** A table of words that states begin with, and perhaps end with: its rows are then also the columns of the head. */
export interface Words {
  /** [vocabulary, hidden]. */
  readonly table: LazyTensor;
  /** The head's own table [vocabulary, hidden], where it has one. */
  readonly head: LazyTensor | undefined;
}

const tableName = "words.table";

/** ids [rows, tokens] → states [rows, tokens, hidden]. */
export function addWords(graph: GraphBuilder, ids: string, { table }: Words): string {
  const inBlocks = codedTable(table);
  if (inBlocks !== undefined) return addBlockRows(graph, "words", ids, inBlocks);
  return graph.node("words", "Gather", { inputs: [addWeight(graph, tableName, table), ids] });
}

/** states [rows, hidden] → logits [rows, vocabulary]. A table that words share with the head lies in the graph once. */
export function addWordHead(graph: GraphBuilder, name: string, input: string, { table, head }: Words): string {
  if (head !== undefined) return addProduct(graph, name, { input, rank: 2, weight: head, name: "head.weight" });
  const inBlocks = codedTable(table);
  if (inBlocks !== undefined) return addBlockProduct(graph, name, { input, rank: 2, weight: inBlocks });
  const shared = addWeight(graph, tableName, table);
  return graph.node(name, "Gemm", { inputs: [input, shared], attributes: { transB: { int: 1 } } });
}

/** Rows are taken out of blocks as long as these have no minimums. */
function codedTable(table: LazyTensor) {
  const inBlocks = blockWeight(tableName, table);
  return inBlocks?.blocks.hasMinimums ? undefined : inBlocks;
}
