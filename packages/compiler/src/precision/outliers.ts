import { type ActivationScale, activationScale, type ChannelRanges } from "./ranges.js";

/** Another copy of a channel, lowered before the activation function so that it begins where the others end. */
export interface ChannelCopy {
  readonly channel: number;
  readonly offset: number;
}

export interface OutlierPlan {
  readonly copies: readonly ChannelCopy[];
  readonly scale: ActivationScale;
}

/** Values beyond the calibrated ones by this much are still held. */
const headroom = 1.1;

/** About 1 % of the channels, in the multiples that kernels compute in blocks of anyway. */
export function copiesFor(channels: number): number {
  return Math.max(4, 16 * Math.floor(channels / 1024));
}

/**
 * A few channels of a rectifier's output are several times larger than all others and would take their steps. Such a
 * channel's value is split: what saturates at the top T of the uint8 range, and what copies of the channel hold, since
 * rectifiers pass large values unchanged: min(f(x), T) + f(x − T) + f(x − 2T) + … = f(x) but for a little near T. Copies
 * are columns of the linear before and rows of the one behind. T is as low as `limit` copies allow; those that are left
 * go to the channels that may outgrow theirs first. Undefined where there are no outliers to speak of.
 */
export function planOutliers({ minima, maxima }: ChannelRanges, limit: number): OutlierPlan | undefined {
  const least = Math.min(...minima);
  const most = Math.max(...maxima);
  let scale = activationScale(least, most);
  for (let step = 1; step <= deepest; step += 1) {
    const lower = activationScale(least, most * 2 ** (-step / stepsPerOctave));
    if (sum(copiesNeeded(maxima, topOf(lower))) > limit) break;
    scale = lower;
  }
  const top = topOf(scale);
  if (!(top < worthwhile * most)) return undefined;
  const counts = copiesNeeded(maxima, top);
  for (let left = limit - sum(counts); left > 0; left -= 1) grow(counts, maxima, top);
  const copies = counts.flatMap((count, channel) =>
    Array.from({ length: count }, (_, copy) => ({ channel, offset: (copy + 1) * top })),
  );
  return { copies, scale };
}

const stepsPerOctave = 16;
const deepest = 4 * stepsPerOctave;
/** Copies are made where they lower the top of the range to less than this share of the largest value. */
const worthwhile = 0.8;

/** The largest value that a scale holds. */
function topOf({ scale, zeroPoint }: ActivationScale): number {
  return (255 - zeroPoint) * scale;
}

function copiesNeeded(maxima: Float32Array, top: number): number[] {
  return Array.from(maxima, (most) => Math.max(0, Math.ceil((most * headroom) / top) - 1));
}

/** One more copy for the channel whose largest value comes nearest to what its copies hold. */
function grow(counts: number[], maxima: Float32Array, top: number): void {
  let fullest = 0;
  const filled = (channel: number) => (maxima[channel] as number) / (((counts[channel] as number) + 1) * top);
  for (let channel = 1; channel < counts.length; channel += 1) if (filled(channel) > filled(fullest)) fullest = channel;
  counts[fullest] = (counts[fullest] as number) + 1;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
