import {
  type EngineFacts,
  MillraceError,
  precisions,
  type RankingScores,
  type SearchHit,
  type StoredSchema,
} from "@millrace/core";
import { createSearcher, encodeTexts, type JudgedQueries, parseFilter, scoreQueries } from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import type { OpenJob } from "./job.js";
import { type OpenModel, openEncoder, openModel, queryTokenizer, type Say, storeOptions } from "./model.js";

/** A store to ask, with the model it was filled with. */
export interface OpenSearch {
  /** Best first. `filters` as `field:pattern`. */
  find(
    query: string,
    options: { readonly top: number; readonly filters: readonly string[] },
  ): Promise<readonly SearchHit[]>;
  readonly engine: EngineFacts;
  close(): Promise<void>;
}

/**
 * Opens a store for reading. The model is the one the store names, unless another place is given for the same model, or
 * questions have a model of their own.
 */
export async function openSearch(settings: Settings, reference: string | undefined, say: Say): Promise<OpenSearch> {
  const searcher = createSearcher(settings.store, storeOptions(settings));
  const schema = await searcher.schema();
  const model =
    settings.questionModel === undefined
      ? await openStoreModel(settings, reference, { schema, say })
      : await openQuestionModel(settings, settings.questionModel, { schema, say });
  const tokenizer = await queryTokenizer(model, settings.queryPrompt);
  const encoder = await openEncoder(model, { ...settings, hosts: 1 }, { say });
  return {
    engine: encoder.engine,
    async find(query, { top, filters }) {
      const conditions = filters.map(parseFilter);
      const vector = await encodeTexts([query], { tokenizer, encoder });
      return searcher.search({ vector, top, filters: conditions });
    },
    async close() {
      await encoder.close();
      await searcher.close();
    },
  };
}

interface Opening {
  readonly schema: StoredSchema;
  readonly say: Say;
}

async function openStoreModel(
  settings: Settings,
  reference: string | undefined,
  { schema, say }: Opening,
): Promise<OpenModel> {
  const wanted = { ...settings, dimensions: schema.dimensions };
  const request = { reference: reference ?? schema.model, graph: schema.graph, say };
  const model = await openModelOfGraph(wanted, request).catch((error: unknown) => {
    throw reference === undefined ? modelOfStoreError(error, settings.store) : error;
  });
  if (model.compiled.architecture === "dpr")
    say("warning: DPR has an encoder of its own for questions, which --question-model names");
  return model;
}

/**
 * The other half of a pair that was trained together, as DPR's are. That it belongs to the store's model is for the user
 * to know; that its vectors are as long is checked. @throws E_STORE_SCHEMA
 */
async function openQuestionModel(settings: Settings, reference: string, { schema, say }: Opening): Promise<OpenModel> {
  const model = await openModel(settings, reference, say);
  const { dimensions } = model.compiled;
  if (dimensions === schema.dimensions) return model;
  throw new MillraceError("E_STORE_SCHEMA", `${reference} cannot encode questions to ${settings.store}`, {
    why: `its vectors have ${dimensions} dimensions, the store's ${schema.dimensions}`,
    fix: `Name the model that was trained beside ${schema.model} as --question-model.`,
  });
}

/** The user named no model, so the store's place says more than the model's. */
function modelOfStoreError(error: unknown, store: string): unknown {
  if (!(error instanceof MillraceError) || error.code !== "E_MODEL_MISSING") return error;
  return new MillraceError(error.code, `the model that ${store} was filled with cannot be opened`, {
    why: `${error.what}${error.why === undefined ? "" : ` (${error.why})`}`,
    fix: "Put it back there, or say with --model where the same model is.",
    cause: error,
  });
}

interface ModelOfGraph {
  readonly reference: string;
  /** sha256 the compiled graph must have. */
  readonly graph: string;
  readonly say: Say;
}

/** Opens the model in the precision that a store was filled with, whatever is set. @throws E_STORE_FINGERPRINT */
async function openModelOfGraph(settings: Settings, { reference, graph, say }: ModelOfGraph): Promise<OpenModel> {
  const model = await openModel(settings, reference, say).catch(async (error: unknown) => {
    if (!(error instanceof MillraceError) || error.code !== "E_CONFIG") throw error;
    // What opens as it is, and not with as many dimensions as the store has, is another model.
    throw otherModel(await openModel({ ...settings, dimensions: undefined }, reference, say), graph);
  });
  if (model.compiled.graphDigest === graph) return model;
  for (const precision of precisions) {
    if (precision === model.compiled.precision) continue;
    // A model that cannot be compiled in a precision did not fill the store in it.
    const other = await openModel({ ...settings, precision }, reference, say).catch(() => undefined);
    if (other?.compiled.graphDigest === graph) return other;
  }
  throw otherModel(model, graph);
}

function otherModel({ compiled, installed }: OpenModel, graph: string): MillraceError {
  return new MillraceError("E_STORE_FINGERPRINT", `the store was filled with another model than ${installed.name}`, {
    why: `its graph is ${graph.slice(0, 12)}…, this one's ${compiled.graphDigest.slice(0, 12)}…`,
    fix: "Give the model it was filled with as --model.",
  });
}

/** Scores of judged queries, as the search of a job's store ranks documents. */
export async function scoreJob(
  { job, model, encoder, storeOptions }: OpenJob,
  judged: JudgedQueries,
  queryPrompt: string | undefined,
): Promise<readonly RankingScores[]> {
  const searcher = createSearcher(job.store, storeOptions);
  const tokenizer = await queryTokenizer(model, queryPrompt);
  return scoreQueries(searcher, judged, { tokenizer, encoder }).finally(() => searcher.close());
}
