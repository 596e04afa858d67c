import { cosineSimilarity } from "@millrace/core";

/** How near a quantised model's vectors come to those of fp32, on texts it was not calibrated with. */
export interface Fidelity {
  /** Cosine of a text's two vectors, mean and worst over the texts. */
  readonly meanCosine: number;
  readonly leastCosine: number;
  /**
   * Mean of 1 − cosine between a text's two vectors, divided by that between different texts' vectors. Models differ in
   * how far apart they put texts, so a cosine alone does not say what is lost.
   */
  readonly errorShare: number;
}

/** Compares vectors of the same texts in the same order. */
export function fidelityOf(exact: readonly Float32Array[], approximate: readonly Float32Array[]): Fidelity {
  const cosines = exact.map((vector, index) => cosineSimilarity(vector, approximate[index] as Float32Array));
  const meanCosine = mean(cosines);
  const between = exact.flatMap((left, index) => exact.slice(index + 1).map((right) => cosineSimilarity(left, right)));
  return {
    meanCosine,
    leastCosine: Math.min(...cosines),
    errorShare: (1 - meanCosine) / Math.max(1e-6, 1 - mean(between)),
  };
}

/**
 * Largest `errorShare` that `auto` takes int8 with. Measured by scaling the error of all-MiniLM-L6-v2's int8 vectors:
 * Spearman's correlation on STS-B (English, fp32 82.03) is 82.00 at 0.2 %, 81.80 at 0.8 %, 81.64 at 1.25 %, 81.08 at 3 %.
 */
export const largestErrorShare = 0.01;

/** NaN, which a broken graph gives, is not faithful. */
export function isFaithful({ errorShare }: Fidelity): boolean {
  return errorShare <= largestErrorShare;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
