/**
 * Draws numbers from 0 to `size` − 1, the n-th with a frequency proportional to 1/n^exponent. Requests to caches follow
 * such a law with exponents of 0.6 to 1 (Breslau et al., "Web Caching and Zipf-like Distributions", INFOCOM 1999).
 * The same arguments give the same draws.
 */
export function zipfDraws(size: number, draws: number, exponent = 0.9): number[] {
  const cumulative = new Float64Array(size);
  let sum = 0;
  for (let n = 1; n <= size; n += 1) cumulative[n - 1] = sum += n ** -exponent;
  const random = repeatableRandom(0x5eed);
  return Array.from({ length: draws }, () => firstAtLeast(cumulative, random() * sum));
}

function firstAtLeast(sorted: Float64Array, wanted: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? Infinity) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Mulberry32: numbers from 0 to 1. */
function repeatableRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
