import type { CompiledModel } from "@millrace/compiler";
import type { Encoder } from "@millrace/core";
import {
  createEncoderPool,
  type EncoderPool,
  type EncoderPoolOptions,
  engineFacts,
  tokenBudgetOf,
} from "./encoder-pool.js";
import { checkGolden } from "./golden.js";

/** An encoder whose hosts start when the first of them is needed: a run that finds nothing to do starts none. */
export interface LazyEncoder extends Encoder {
  /** Starts the hosts now, so that they load while the first texts are read. */
  warm(): void;
  /** Process ids of the hosts that live. */
  pids(): readonly number[];
}

/** A pool's options, of a graph that makes vectors. */
export interface LazyEncoderOptions extends EncoderPoolOptions {
  readonly model: CompiledModel;
}

export function createLazyEncoder(options: LazyEncoderOptions): LazyEncoder {
  const { model, device = { kind: "cpu" } } = options;
  let pool: Promise<EncoderPool> | undefined;
  let started: EncoderPool | undefined;
  const opened = () => {
    pool ??= openPool(options, model).then((open) => {
      started = open;
      return open;
    });
    return pool;
  };
  return {
    dimensions: model.dimensions,
    maxTokens: model.maxTokens,
    tokenBudget: tokenBudgetOf(options),
    engine: engineFacts(device),
    warm: () => void opened().catch(() => {}),
    pids: () => started?.pids() ?? [],
    encode: async (batch, signal) => (await opened()).encode(batch, signal),
    close: async () => (await pool?.catch(() => undefined))?.close(),
  };
}

async function openPool(options: EncoderPoolOptions, model: CompiledModel): Promise<EncoderPool> {
  const pool = await createEncoderPool(options);
  try {
    await checkGolden(pool, model);
    return pool;
  } catch (error) {
    await pool.close();
    throw error;
  }
}
