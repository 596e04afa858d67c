import { join } from "node:path";
import { MillraceError } from "@millrace/core";
import { isRecord, readJsonFile } from "../json.js";
import { type LazyTensor, openCheckpoint, type Weights } from "../weights/checkpoint.js";
import { rowsAt, scaledRows } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { addWordStates } from "./layers.js";

/** Longest text where the tokenizer's file sets no limit; model2vec's own. */
const usualTokens = 512;

/**
 * Static embeddings, as sentence-transformers and model2vec save them: a table of one vector for each token, of which a text
 * takes the mean, without special tokens. There is no config.json to rely on; the table itself says how large it is.
 * @throws E_MODEL_INVALID, E_SAFETENSORS
 */
export async function planStatic(directory: string): Promise<EncoderPlan> {
  const checkpoint = await openCheckpoint(directory, []);
  try {
    const table = findTable(checkpoint);
    if (table === undefined)
      throw new MillraceError("E_MODEL_INVALID", `${directory} does not fit the model`, {
        why: `it has no table ${tableNames.join(" or ")}`,
      });
    const [rows, width] = table.shape;
    const vocabulary = checkpoint.shapeOf("mapping")?.[0] ?? rows;
    const hasScales = checkpoint.shapeOf("weights") !== undefined;
    const build: EncoderPlan["build"] = (graph, weights, ids) => {
      const vectors = weights.tensor(table.name, [rows, width]);
      return addWordStates(graph, "words", { ids, table: tokenTable(weights, vectors, { vocabulary, hasScales }) });
    };
    return {
      dimensions: width,
      maxTokens: await readTokenLimit(directory),
      vocabularySize: vocabulary,
      prefixes: [],
      hasSpecialTokens: false,
      barePooling: "mean",
      build,
    };
  } finally {
    await checkpoint.close();
  }
}

const tableNames = ["embedding.weight", "embeddings"];

interface Table {
  readonly name: string;
  readonly shape: readonly [rows: number, width: number];
}

function findTable(weights: Weights): Table | undefined {
  for (const name of tableNames) {
    const [rows, width, ...others] = weights.shapeOf(name) ?? [];
    if (rows !== undefined && width !== undefined && others.length === 0) return { name, shape: [rows, width] };
  }
  return undefined;
}

interface TokenTable {
  readonly vocabulary: number;
  readonly hasScales: boolean;
}

/** One row for each token: tokens may share rows of the table, and each may weigh otherwise. */
function tokenTable(weights: Weights, table: LazyTensor, { vocabulary, hasScales }: TokenTable): LazyTensor {
  const isMapped = weights.shapeOf("mapping") !== undefined;
  const rows = isMapped ? rowsAt(table, weights.integers("mapping", [vocabulary])) : table;
  return hasScales ? scaledRows(rows, weights.tensor("weights", [vocabulary])) : rows;
}

/** sentence-transformers leaves the truncation on that the tokenizer's file sets. */
async function readTokenLimit(directory: string): Promise<number> {
  const truncation = (await readJsonFile(join(directory, "tokenizer.json")))?.values.truncation;
  const limit = isRecord(truncation) ? truncation.max_length : undefined;
  return typeof limit === "number" && Number.isSafeInteger(limit) && limit > 0 ? limit : usualTokens;
}
