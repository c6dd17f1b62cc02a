/**
 * Quantiles of sizes without keeping them: a histogram whose bins are 1/128 of an octave wide, from
 * 2^-40 s (1 ps) to 2^24 s. A quantile is the middle of its bin, so it is right to 0.4 %.
 */

const BINS_PER_OCTAVE = 128;
const LEAST_LOG2 = -40;
const OCTAVES = 64;
const EXPONENT_BIAS = 1023;
/** High word of an f64: 1 sign bit, 11 of exponent, then the mantissa's first 20. */
const MANTISSA_SHIFT = 20 - Math.log2(BINS_PER_OCTAVE);
const FIRST = (EXPONENT_BIAS + LEAST_LOG2) * BINS_PER_OCTAVE;
const BINS = OCTAVES * BINS_PER_OCTAVE;

export interface Histogram {
  /** Counts a size >= 0. */
  add(size: number): void;
  /** The least size that is not below `share` of all, share in (0, 1]; 0 if there are none. */
  quantile(share: number): number;
}

export function createHistogram(): Histogram {
  const counts = new Float64Array(BINS);
  const cell = new DataView(new ArrayBuffer(8));
  let total = 0;
  let most = 0;
  return {
    add(size) {
      cell.setFloat64(0, size);
      const bin = (cell.getUint32(0) >>> MANTISSA_SHIFT) - FIRST;
      const clamped = bin < 0 ? 0 : bin < BINS ? bin : BINS - 1;
      counts[clamped] = (counts[clamped] as number) + 1;
      total++;
      if (size > most) most = size;
    },
    quantile(share) {
      if (total === 0) return 0;
      let left = Math.ceil(share * total);
      for (let bin = 0; bin < BINS; bin++) {
        left -= counts[bin] as number;
        if (left <= 0) return bin === BINS - 1 ? most : Math.min(middle(bin), most);
      }
      return most;
    },
  };
}

function middle(bin: number): number {
  if (bin === 0) return 0; // holds everything below, too
  const octave = Math.floor(bin / BINS_PER_OCTAVE);
  const part = (bin - octave * BINS_PER_OCTAVE + 0.5) / BINS_PER_OCTAVE;
  return 2 ** (octave + LEAST_LOG2) * (1 + part);
}
