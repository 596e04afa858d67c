/** Smallest and largest value that each channel of an activation took. */
export interface ChannelRanges {
  readonly minima: Float32Array;
  readonly maxima: Float32Array;
}

export function emptyRanges(channels: number): ChannelRanges {
  return {
    minima: new Float32Array(channels).fill(Number.POSITIVE_INFINITY),
    maxima: new Float32Array(channels).fill(Number.NEGATIVE_INFINITY),
  };
}

/** Takes `values` [.., channels] into account. */
export function widenRanges({ minima, maxima }: ChannelRanges, values: Float32Array): void {
  const channels = minima.length;
  for (let start = 0; start < values.length; start += channels) {
    for (let channel = 0; channel < channels; channel += 1) {
      const value = values[start + channel] as number;
      if (value < (minima[channel] as number)) minima[channel] = value;
      if (value > (maxima[channel] as number)) maxima[channel] = value;
    }
  }
}

/** Largest magnitude of each channel. */
export function magnitudesOf({ minima, maxima }: ChannelRanges): Float32Array {
  return minima.map((least, channel) => Math.max(-least, maxima[channel] as number));
}

/** An affine map between uint8 and a range of reals that holds 0: real = scale · (value − zeroPoint). */
export interface ActivationScale {
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * The scale that just holds all of [low, high] and 0. Both ends are widened to a grid of 1/64 octave, so that machines
 * whose float kernels differ in the last bits come to the same scale.
 */
export function activationScale(low: number, high: number): ActivationScale {
  const bottom = Math.max(0, onGrid(-low));
  const top = Math.max(0, onGrid(high));
  if (bottom + top === 0) return { scale: 1, zeroPoint: 0 };
  const scale = Math.fround((bottom + top) / 255);
  return { scale, zeroPoint: Math.min(255, Math.round(bottom / scale)) };
}

const stepsPerOctave = 64;

function onGrid(magnitude: number): number {
  if (!(magnitude > 0)) return 0;
  return 2 ** (Math.ceil(Math.log2(magnitude) * stepsPerOctave) / stepsPerOctave);
}
