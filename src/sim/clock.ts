/** The local clock of a scenario: offset, frequency with random walk, steps. */
import { normal, type Random } from './random.ts';
import type { LocalClock } from './scenario.ts';

/** local − true at true time `at` (s since the start), s. */
export type LocalOffset = (at: number) => number;

/** The frequency is constant within each second; whole seconds are made when first asked for. */
export function localClock(clock: LocalClock, random: Random): LocalOffset {
  let x = new Float64Array(4096);
  let y = clock.frequency;
  let known = 0;
  x[0] = clock.offsetS;
  const { steps, wander } = clock;
  return (at) => {
    const n = Math.max(Math.floor(at), 0);
    if (n + 1 >= x.length) {
      const more = new Float64Array(Math.max(2 * x.length, n + 2));
      more.set(x);
      x = more;
    }
    for (; known <= n; known++) {
      y += wander * normal(random);
      x[known + 1] = (x[known] ?? 0) + y;
    }
    const from = x[n] ?? 0;
    let value = from + ((x[n + 1] ?? 0) - from) * (at - n);
    for (const { atS, byS } of steps) if (at >= atS) value += byS;
    return value;
  };
}
