/** What combiners made of a recording with truth: one line each, for people. */
import { formatSeconds } from '../format.ts';
import type { CombinerTally } from '../recording/tally.ts';
import { bar } from './table.ts';

export function scoreLines(combiners: readonly CombinerTally[]): string[] {
  const most = Math.max(...combiners.map(({ truth }) => truth?.rms ?? 0));
  const width = Math.max(...combiners.map(({ combiner }) => combiner.length));
  const lines = combiners.map(({ combiner, used, held, refused, truth }) => {
    const name = `  ${combiner.padEnd(width)}`;
    const counts = `used ${used}  held ${held}  refused ${refused}`;
    if (truth === null) return `${name}  ${counts}`;
    const figures = [
      `rms ${formatSeconds(truth.rms).padStart(7)}`,
      `p95 ${formatSeconds(truth.p95).padStart(7)}`,
      `max ${formatSeconds(truth.max).padStart(7)}`,
      `inside ${(truth.inside * 100).toFixed(2)}%`,
      `causal ${(truth.causalInside * 100).toFixed(2)}%`,
    ].join('  ');
    const mark = combiners.length > 1 ? `  ${bar(truth.rms, most, 30)}` : '';
    return `${name}  ${figures}  ${counts}${mark}`;
  });
  const isScored = combiners.some(({ truth }) => truth !== null);
  return isScored ? lines : [...lines, '', '(no truth in it: nothing to score)'];
}
