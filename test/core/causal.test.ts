/** The causal interval when stamps lie and clocks are set: it covers both sides until it is known. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Core } from '../../src/core.ts';
import { SCENARIOS } from '../sim/scenarios.ts';
import { type Exchange, simulate, writeExchange } from '../sim/world.ts';
import { openCore } from './rig.ts';

const test = suite('core causal interval');

const MS = 1e-3;

interface Seen {
  readonly at: number;
  readonly path: number;
  readonly holds: boolean;
  readonly widthS: number;
  readonly contradictions: number;
}

function watch(core: Core, exchanges: readonly Exchange[]): Seen[] {
  return exchanges.map((exchange) => {
    writeExchange(core, 0, exchange);
    core.ingest(1);
    const { causalEarliestS, causalLatestS } = core.result(0);
    const { at, path, truth } = exchange;
    return {
      at,
      path,
      holds: causalEarliestS <= truth && truth <= causalLatestS,
      widthS: causalLatestS - causalEarliestS,
      contradictions: core.clock()?.contradictions ?? 0,
    };
  });
}

const scene = (name: string, paths: number, seed: number): Exchange[] => {
  const make = SCENARIOS[name];
  if (make === undefined) throw new Error(`no scenario ${name}`);
  return simulate(make(paths), seed);
};

const misses = (seen: readonly Seen[]): number => seen.filter(({ holds }) => !holds).length;

test('stamps of one path moved by 20 ms never cut off the truth, also where a lie happens to fit', () => {
  // seeds with lies in long queues, which contradict nothing by themselves
  for (const [paths, seed] of [
    [2, 11],
    [2, 13],
    [4, 11],
    [8, 13],
  ] as const) {
    const seen = watch(openCore({}, paths), scene('Stamp', paths, seed));
    assert.is(misses(seen), 0, `${paths} paths, seed ${seed}`);
    assert.ok((seen.at(-1)?.contradictions ?? 0) > 1000);
  }
});

test('a liar is outvoted: with four paths the interval is soon as narrow as before, with two it is not', () => {
  const widest = (paths: number) => {
    const seen = watch(openCore({}, paths), scene('Stamp', paths, 11));
    const least = Math.min(...seen.filter(({ at }) => at < 7200).map(({ widthS }) => widthS));
    const late = seen.filter(({ at, path }) => at > 7210 && path !== 0);
    return Math.max(...late.map(({ widthS }) => widthS)) / least;
  };
  assert.ok(widest(4) < 1.3, `${widest(4)}`);
  assert.ok(widest(2) > 2, `${widest(2)}: nobody can tell which of two lies`);
});

test('a step of the local clock is covered from its first exchange on', () => {
  for (const paths of [1, 2, 4, 8]) {
    const seen = watch(openCore({}, paths), scene('Step', paths, 11));
    assert.is(misses(seen), 0, `${paths} paths`);
    const last = seen.at(-1)?.widthS ?? 1;
    assert.ok(last < 12 * MS, `${paths} paths: ${last} s wide in the end`);
  }
});

test('while a step is disputed the interval is wide, and narrow again once most paths told it', () => {
  const seen = watch(openCore({}, 4), scene('Step', 4, 12)).filter(({ at }) => at > 7190);
  const wide = seen.filter(({ widthS }) => widthS > 40 * MS);
  assert.ok(wide.length >= 1 && wide.length <= 4, `${wide.length} exchanges`);
  assert.ok(seen.filter(({ at }) => at > 7203).every(({ widthS }) => widthS < 15 * MS));
});

test.run();
