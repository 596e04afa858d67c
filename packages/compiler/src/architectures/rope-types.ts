import type { JsonFile } from "../json.js";

/** Angle from one position to the next for each pair of a head's `width` floats, in float32. */
export type Frequencies = (width: number) => Float32Array;

/** How far each position turns, and what becomes of that. */
export interface RopeType {
  readonly frequencies: Frequencies;
  /** Those of rows of more than `after` tokens, where they are others. */
  readonly long?: { readonly after: number; readonly frequencies: Frequencies };
  /** What sines and cosines are multiplied by. */
  readonly scale: number;
}

interface RopeSettings {
  /** The object that says how angles are scaled. */
  readonly settings: JsonFile;
  readonly theta: number;
  /** The model's `max_position_embeddings`. */
  readonly positions: number;
  /** Positions it was trained on before it was made for more. */
  readonly original: number;
}

/** By the names that transformers gives them (`ROPE_INIT_FUNCTIONS`), each as it is computed there. */
const ropeTypes: Readonly<Record<string, (settings: RopeSettings) => RopeType>> = {
  default: ({ theta }) => unscaled(plainFrequencies(theta)),
  // Angles change with the length of rows that are longer than any that a model takes here.
  dynamic: ({ theta }) => unscaled(plainFrequencies(theta)),
  linear: ({ theta, settings }) => unscaled(plainFrequencies(theta, settings.positive("factor", 1))),
  llama3: (rope) => unscaled(llama3Frequencies(rope)),
  longrope,
  yarn,
};

/** @throws E_MODEL_UNSUPPORTED for a `rope_type` that is not known, E_MODEL_INVALID for what it lacks */
export function readRopeType(rope: RopeSettings): RopeType {
  const name = rope.settings.text("rope_type", "default");
  const read = Object.hasOwn(ropeTypes, name) ? ropeTypes[name] : undefined;
  if (read === undefined) throw rope.settings.unsupported("rope_type", Object.keys(ropeTypes));
  return read(rope);
}

/** 1 / theta^(2 · pair / width), divided by the factor. */
export function plainFrequencies(theta: number, factor = 1): Frequencies {
  return (width) => wavelengths(theta, width).map((wave) => Math.fround(1 / wave) / factor);
}

/** theta^(2 · pair / width), as PyTorch computes it. */
function wavelengths(theta: number, width: number): Float32Array {
  return Float32Array.from({ length: width / 2 }, (_, pair) => theta ** Math.fround((2 * pair) / width));
}

function unscaled(frequencies: Frequencies): RopeType {
  return { frequencies, scale: 1 };
}

/** Llama 3.1: short waves stay, long ones are stretched, between the two it is a mixture. */
function llama3Frequencies({ settings, theta, original }: RopeSettings): Frequencies {
  const factor = required(settings, "factor");
  const [low, high] = [required(settings, "low_freq_factor"), required(settings, "high_freq_factor")];
  return (width) =>
    plainFrequencies(theta)(width).map((frequency) => {
      const wave = (2 * Math.PI) / frequency;
      if (wave < original / high) return frequency;
      if (wave > original / low) return frequency / factor;
      const share = (original / wave - low) / (high - low);
      return ((1 - share) * frequency) / factor + share * frequency;
    });
}

/** YaRN (Peng et al. 2023): pairs that turn often within the original positions stay, those that hardly turn are stretched. */
function yarn(rope: RopeSettings): RopeType {
  const { settings, theta, positions, original } = rope;
  const factor = settings.positive("factor", positions / original);
  const [fast, slow] = [settings.positive("beta_fast", 32), settings.positive("beta_slow", 1)];
  const pairOf = (turns: number, width: number) =>
    (width * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const isWhole = settings.values.truncate !== false;
  const frequencies: Frequencies = (width) => {
    const [first, last] = [pairOf(fast, width), pairOf(slow, width)];
    const low = Math.max(isWhole ? Math.floor(first) : first, 0);
    const high = Math.min(isWhole ? Math.ceil(last) : last, width - 1);
    const slope = high === low ? 0.001 : high - low;
    return wavelengths(theta, width).map((wave, pair) => {
      const stretched = Math.max(0, Math.min(1, (pair - low) / slope));
      return (1 / (factor * wave)) * stretched + (1 / wave) * (1 - stretched);
    });
  };
  return { frequencies, scale: yarnScale(settings, factor) };
}

function yarnScale(settings: JsonFile, factor: number): number {
  const { attention_factor = null, mscale, mscale_all_dim } = settings.values;
  if (attention_factor !== null) return required(settings, "attention_factor");
  const growth = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  if (!mscale || !mscale_all_dim) return growth(1);
  return growth(required(settings, "mscale")) / growth(required(settings, "mscale_all_dim"));
}

/** LongRoPE (Ding et al. 2024): each pair has a factor of its own, and another one in rows beyond the original positions. */
function longrope({ settings, theta, positions, original }: RopeSettings): RopeType {
  const factor = settings.positive("factor", positions / original);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  const stretched = (field: string): Frequencies => {
    const factors = readFactors(settings, field);
    return (width) => {
      if (factors.length !== width / 2) throw settings.invalid(field, `it must list ${width / 2} numbers`);
      return wavelengths(theta, width).map((wave, pair) => 1 / Math.fround((factors[pair] as number) * wave));
    };
  };
  const long = positions > original && { after: original, frequencies: stretched("long_factor") };
  return {
    frequencies: stretched("short_factor"),
    ...(long && { long }),
    scale: settings.positive("attention_factor", usual),
  };
}

function readFactors(settings: JsonFile, field: string): Float32Array {
  const factors = settings.values[field];
  const isList = Array.isArray(factors) && factors.every((factor) => typeof factor === "number" && factor > 0);
  if (!isList) throw settings.invalid(field, "it must be a list of numbers above 0");
  return Float32Array.from(factors as number[]);
}

/** A number above 0 that must be there. */
function required(settings: JsonFile, field: string): number {
  return settings.positive(field, Number.NaN);
}
