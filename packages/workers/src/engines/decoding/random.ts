/**
 * Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (2011): what is
 * drawn depends on key and counter alone, never on what was drawn before or for others.
 * @returns four 32-bit words
 */
export function philox(counter: Uint32Array, key: Uint32Array): Uint32Array {
  let [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = counter;
  let [k0 = 0, k1 = 0] = key;
  for (let round = 0; round < 10; round += 1) {
    const high0 = highProduct(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = highProduct(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return Uint32Array.of(c0, c1, c2, c3);
}

/** The upper half of the 64-bit product of two 32-bit words, as a number that may be negative as an int32 is. */
function highProduct(left: number, right: number): number {
  const leftLow = left & 0xffff;
  const leftHigh = left >>> 16;
  const rightLow = right & 0xffff;
  const rightHigh = right >>> 16;
  const middle = leftHigh * rightLow + ((leftLow * rightLow) >>> 16);
  const carry = leftLow * rightHigh + (middle % 0x10000);
  return leftHigh * rightHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000);
}

/** Where a draw stands: the request's seed, the answer's number, the token's position in the answer. */
export interface DrawPlace {
  readonly seed: number;
  readonly sequence: number;
  readonly position: number;
}

/** A number in [0, 1) with 53 random bits. */
export function uniform({ seed, sequence, position }: DrawPlace): number {
  const key = Uint32Array.of(seed % 2 ** 32, Math.floor(seed / 2 ** 32));
  const [high = 0, low = 0] = philox(Uint32Array.of(position, sequence, 0, 0), key);
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}
