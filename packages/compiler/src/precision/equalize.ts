import { activationScale, type ChannelRanges, magnitudesOf } from "./ranges.js";

/** Largest magnitude and sum of squares of the weights that each channel is multiplied by. */
export interface ChannelWeights {
  readonly magnitudes: Float32Array;
  readonly squares: Float64Array;
}

/** How much of the difference between channels moves from the activation into the weights. */
const migration = 0.6;
/** Equalising costs a multiplication: it must lower the noise to at most this share. */
const worthwhile = 0.7;
/** Factors are powers of √2, so that machines whose float kernels differ in the last bits come to the same ones. */
const stepsPerOctave = 2;

/**
 * Factors by which to divide the channels of an activation, and multiply the rows of the weights behind it, so that no
 * channel's outliers take the steps of all others (SmoothQuant, Xiao et al. 2023). Undefined where that would not lower
 * the noise that rounding the activation leaves in the product.
 */
export function equalizingFactors(ranges: ChannelRanges, weights: ChannelWeights): Float32Array | undefined {
  const smallest = 1e-5;
  const exponents = Array.from(magnitudesOf(ranges), (magnitude, channel) => {
    const weight = Math.max(smallest, weights.magnitudes[channel] as number);
    return migration * Math.log2(Math.max(smallest, magnitude)) - (1 - migration) * Math.log2(weight);
  });
  const mean = exponents.reduce((sum, exponent) => sum + exponent, 0) / exponents.length;
  const factors = Float32Array.from(
    exponents,
    (exponent) => 2 ** (Math.round((exponent - mean) * stepsPerOctave) / stepsPerOctave),
  );
  const ones = new Float32Array(factors.length).fill(1);
  const isWorthwhile = noise(ranges, weights, factors) <= worthwhile * noise(ranges, weights, ones);
  return isWorthwhile ? factors : undefined;
}

/** Ranges of the activation once its channels are divided. */
export function divided({ minima, maxima }: ChannelRanges, factors: Float32Array): ChannelRanges {
  const divide = (values: Float32Array) => values.map((value, channel) => value / (factors[channel] as number));
  return { minima: divide(minima), maxima: divide(maxima) };
}

/** Variance of the product due to rounding the activation, but for a constant: step² · Σ (factor · |weights|)². */
function noise(ranges: ChannelRanges, { squares }: ChannelWeights, factors: Float32Array): number {
  const { scale } = scaleOf(divided(ranges, factors));
  const gain = squares.reduce((sum, square, channel) => sum + square * (factors[channel] as number) ** 2, 0);
  return scale ** 2 * gain;
}

/** The scale that holds every channel. */
export function scaleOf({ minima, maxima }: ChannelRanges) {
  return activationScale(Math.min(...minima), Math.max(...maxima));
}
