/** Probabilities of alternatives, by their logits. */
export function softmax(logits: ArrayLike<number>): readonly number[] {
  const values = Array.from(logits);
  const most = values.reduce((left, right) => Math.max(left, right), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((left, right) => left + right, 0);
  return powers.map((power) => power / sum);
}

/** Probability of what may be so or not, by its logit. */
export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Indices of the largest values, largest first; of equal ones the first. */
export function largest(values: readonly number[], count: number): readonly number[] {
  const order = [...values.keys()].sort((left, right) => (values[right] ?? 0) - (values[left] ?? 0) || left - right);
  return order.slice(0, count);
}
