/** selectBatch, the rfc5905 combiner's selection on bare intervals, against its twin. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Core, createCore } from '../../src/core.ts';
import { createRandom, type Random } from '../fuzz/random.ts';
import { type Intersection, type Interval, meets, select } from '../twin/select.ts';
import { BUILDS, openCore, writeStamps } from './rig.ts';
import { makeStream, STREAMS } from './stream.ts';

const test = suite('core selection');

const ERROR_BATCH = -3;
const [FOUND, LOW, HIGH, MEMBERS, SLOTS] = [0, 1, 2, 3, 4];

interface Selected {
  readonly found: Intersection | null;
  readonly members: number;
}

/** Sets of the same size through one call. */
function selectIn(core: Core, sets: readonly (readonly Interval[])[]): Selected[] {
  const { buffer } = core.exports.memory;
  const size = sets[0]?.length ?? 0;
  const input = new Float64Array(buffer, core.exports.RECORDS.value);
  sets.flat().forEach(({ offsetS, halfS }, k) => {
    input.set([offsetS, halfS], 2 * k);
  });
  assert.is(core.exports.selectBatch(sets.length, size), 0);
  const rows = new Float64Array(buffer, core.exports.RESULTS.value);
  return sets.map((_, k) => {
    const at = (slot: number) => rows[k * SLOTS + slot] ?? Number.NaN;
    const found = at(FOUND) === 1 ? { lowS: at(LOW), highS: at(HIGH) } : null;
    if (found === null) assert.equal([at(FOUND), at(LOW), at(HIGH)], [0, 0, 0]);
    return { found, members: at(MEMBERS) };
  });
}

function selectTwin(intervals: readonly Interval[]): Selected {
  const found = select(intervals);
  const members = found === null ? [] : intervals.filter((interval) => meets(interval, found));
  return { found, members: members.length };
}

const unit = (random: Random): number => random.below(1 << 30) / (1 << 30);

/** Intervals of every kind: agreeing, scattered, in two camps, on a grid so that edges coincide. */
function randomSet(random: Random, size: number): Interval[] {
  const spread = 10 ** (random.below(7) - 6);
  const liars = [0, 0.1, 0.4, 0.6][random.below(4)] ?? 0;
  const grid = random.below(3) === 0 ? 1 / 64 : 0;
  const onGrid = (value: number) => (grid > 0 ? Math.round(value / grid) * grid : value);
  const scale = grid > 0 ? 0.25 : spread;
  return Array.from({ length: size }, () => {
    const lies = unit(random) < liars;
    const away = (unit(random) - 0.5) * scale + (lies ? scale * (1 + 4 * unit(random)) : 0);
    return { offsetS: onGrid(away), halfS: onGrid(Math.abs(scale * unit(random) ** 2)) };
  });
}

test('agrees with the twin on sets of 1 to 256 intervals of every kind', () => {
  for (const { bytes, name } of BUILDS) {
    const core = createCore({ module: bytes });
    const random = createRandom(31);
    const outcomes = { all: 0, some: 0, none: 0 };
    for (let round = 0; round < 600; round++) {
      const size = round < 500 ? 1 + random.below(20) : 1 + random.below(256);
      const sets = Array.from({ length: 1 + random.below(10) }, () => randomSet(random, size));
      const wanted = sets.map(selectTwin);
      assert.equal(selectIn(core, sets), wanted, `${name}, round ${round}`);
      for (const { found, members } of wanted) {
        outcomes[found === null ? 'none' : members === size ? 'all' : 'some']++;
      }
    }
    assert.ok(Math.min(outcomes.all, outcomes.some, outcomes.none) > 100, JSON.stringify(outcomes));
  }
});

test('sets that insertion would take long to sort come out the same', () => {
  const core = createCore();
  for (const size of [100, 199, 256]) {
    const falling = Array.from({ length: size }, (_, k) => ({ offsetS: -k, halfS: 0.9 * size }));
    const camps = falling.map(({ offsetS }, k) => ({
      offsetS,
      halfS: k % 3 === 0 ? 0.1 : size / 2,
    }));
    for (const set of [falling, camps]) assert.equal(selectIn(core, [set]), [selectTwin(set)]);
  }
});

test('one interval is its own intersection, two apart have none, touching ones meet in a point', () => {
  const core = createCore();
  const one = { offsetS: 2, halfS: 1 };
  assert.equal(selectIn(core, [[one]]), [{ found: { lowS: 1, highS: 3 }, members: 1 }]);
  const apart = [one, { offsetS: 9, halfS: 1 }];
  assert.equal(selectIn(core, [apart]), [{ found: null, members: 0 }]);
  const touching = [
    { offsetS: 0, halfS: 0 },
    { offsetS: 0, halfS: 0 },
  ];
  assert.equal(selectIn(core, [touching]), [{ found: { lowS: 0, highS: 0 }, members: 2 }]);
});

test('two of three agree, the third is out', () => {
  const core = createCore();
  const set = [
    { offsetS: 0.001, halfS: 0.01 },
    { offsetS: -0.001, halfS: 0.01 },
    { offsetS: 5, halfS: 0.01 },
  ];
  const [selected] = selectIn(core, [set]);
  assert.is(selected?.members, 2);
  assert.is(selected?.found?.lowS, 0.001 - 0.01);
  assert.is(selected?.found?.highS, -0.001 + 0.01);
});

test('what does not fit is refused with ERROR_BATCH and writes nothing', () => {
  const core = createCore();
  const rows = new Float64Array(core.exports.memory.buffer, core.exports.RESULTS.value, SLOTS);
  rows.fill(7);
  const most = Math.floor((core.recordBytes * core.maxBatch) / core.exports.INTERVAL_BYTES.value);
  const fits = Math.floor(most / 8);
  for (const [sets, count] of [
    [1, 0],
    [1, -1],
    [1, core.maxPaths + 1],
    [-1, 4],
    [core.maxBatch + 1, 1],
    [fits + 1, 8],
    [2 ** 31 - 1, 2 ** 31 - 1],
  ] as const) {
    assert.is(core.exports.selectBatch(sets, count), ERROR_BATCH, `${sets} × ${count}`);
  }
  assert.equal([...rows], [7, 7, 7, 7]);
  assert.is(core.exports.selectBatch(fits, 8), 0);
  assert.is(core.exports.selectBatch(0, 8), 0);
});

test('numbers that are none end in some answer, and the next set is not affected', () => {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1e300, 0];
  for (const { bytes } of BUILDS) {
    const core = createCore({ module: bytes });
    const random = createRandom(5);
    const good = randomSet(random, 40);
    for (let round = 0; round < 300; round++) {
      const set = Array.from({ length: 40 }, () => ({
        offsetS: odd[random.below(odd.length)] ?? 0,
        halfS: odd[random.below(odd.length)] ?? 0,
      }));
      const input = new Float64Array(core.exports.memory.buffer, core.exports.RECORDS.value);
      [...set, ...good].forEach(({ offsetS, halfS }, k) => {
        input.set([offsetS, halfS], 2 * k);
      });
      assert.is(core.exports.selectBatch(2, 40), 0);
      const rows = new Float64Array(core.exports.memory.buffer, core.exports.RESULTS.value, 8);
      const wanted = selectTwin(good);
      assert.is(rows[SLOTS + MEMBERS], wanted.members);
      assert.is(rows[SLOTS + LOW], wanted.found?.lowS ?? 0);
    }
  }
});

test('between exchanges of rfc5905 it changes no clock', () => {
  const stream = makeStream(STREAMS.wide, 9).slice(0, 1500);
  const [alone, beside] = [0, 1].map(() => openCore({ combiner: 'rfc5905' }, STREAMS.wide.paths));
  if (alone === undefined || beside === undefined) throw new Error('no core');
  const random = createRandom(1);
  for (const [k, exchange] of stream.entries()) {
    if (k % 5 === 0) selectIn(beside, [randomSet(random, 1 + random.below(60))]);
    const rows = [alone, beside].map((core) => {
      writeStamps(core, 0, exchange.kind, exchange);
      core.ingest(1);
      return [...core.results.subarray(0, core.resultSlots)];
    });
    assert.equal(rows[0], rows[1], `exchange ${k}`);
  }
});

test.run();
