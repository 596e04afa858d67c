import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type CompiledModel, calibrationTexts } from "@millrace/compiler";
import type { Encoder, Tokenizer } from "@millrace/core";
import { writeAtomically } from "../blobs/atomic-file.js";
import { hasCode } from "../blobs/file-errors.js";
import { canonicalJson, sha256 } from "../identity/digest.js";
import { encodeTexts } from "./encode-texts.js";

/** What a step is measured with. */
export interface StepMeasurement {
  readonly model: CompiledModel;
  /** With the prompt that documents have. */
  readonly tokenizer: Tokenizer;
  /** Makes the encoder, which is needed only where the step was not measured before. */
  readonly encoder: () => Promise<Encoder>;
}

/**
 * The step of a model's int8 vectors: the largest number that any vector of the calibration texts has is 127 of them.
 * It is measured once for each model, tokenizer and prompt, and kept beside the graph.
 */
export async function vectorStep({ model, tokenizer, encoder }: StepMeasurement): Promise<number> {
  const key = sha256(canonicalJson([tokenizer.digest, calibrationTexts])).slice(0, 16);
  const path = join(dirname(model.graphPath), `vector-step-${key}.json`);
  const known = await readStep(path);
  if (known !== undefined) return known;
  const open = await encoder();
  const vectors = await encodeTexts(calibrationTexts, { tokenizer, encoder: open }).finally(() => open.close());
  const step = stepFor(vectors.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  await record(path, step);
  return step;
}

const largest = 127;

/**
 * Powers of two and what lies between in 64 equal ratios, so that machines whose kernels differ in the last bits come to the
 * same step.
 */
const stepsPerOctave = 64;

function stepFor(magnitude: number): number {
  if (!(magnitude > 0)) return 1 / largest;
  return Math.fround(2 ** (Math.ceil(Math.log2(magnitude) * stepsPerOctave) / stepsPerOctave) / largest);
}

/** Undefined where none was recorded, or the record is damaged. */
async function readStep(path: string): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const step = Number(/^\{"step":([0-9.e-]+)\}$/.exec(text)?.[1]);
  return step > 0 ? step : undefined;
}

/** A cache that this user cannot write to is measured for anew each time. */
async function record(path: string, step: number): Promise<void> {
  try {
    await writeAtomically({ path, write: (file) => file.writeFile(JSON.stringify({ step })), onlyIfAbsent: true });
  } catch (error) {
    if (!hasCode(error, "EACCES", "EPERM", "EROFS")) throw error;
  }
}
