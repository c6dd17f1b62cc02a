/** What chronyd is given of the combined clock, and when (issue E). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chronySample, createChronyFeed, leapOf } from '../../src/chrony.ts';
import type { Agreement, CombinedClock, Status } from '../../src/core.ts';
import type { Sample } from '../../src/ensemble.ts';
import { pathKey } from '../../src/path.ts';
import { stamp, tick } from '../../src/units.ts';

const test = suite('chrony feed');

test('a sample is sock_sample of chrony 4 to the byte', () => {
  const bytes = chronySample({ unixS: 0x1_6920_0001, us: 0x0a0b0c, offsetS: -0.5, leap: 2 });
  assert.is(
    [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    [
      '0100206901000000', // tv_sec
      '0c0b0a0000000000', // tv_usec
      '000000000000e0bf', // offset: reference − system
      '00000000', // pulse
      '02000000', // leap: delete
      '00000000',
      '4b434f53', // "SOCK"
    ].join(''),
  );
});

test('a leap second needs more than half of the weight', () => {
  assert.is(leapOf([]), 0);
  assert.is(
    leapOf([
      { leap: 1, weight: 0.5 },
      { leap: 0, weight: 0.5 },
    ]),
    0,
  );
  assert.is(
    leapOf([
      { leap: 1, weight: 0.6 },
      { leap: 0, weight: 0.4 },
    ]),
    1,
  );
  assert.is(
    leapOf([
      { leap: 2, weight: 0.6 },
      { leap: null, weight: 0.4 },
    ]),
    2,
  );
  assert.is(leapOf([{ leap: 3, weight: 1 }]), 0);
  assert.is(leapOf([{ leap: 1, weight: 0 }]), 0);
});

const path = pathKey('192.0.2.1', '198.51.100.1');
const clockWith = (over: Partial<CombinedClock>): CombinedClock => ({
  offsetS: 0,
  baseS: 0,
  restS: 0,
  frequency: 0,
  uncertaintyS: 1e-6,
  frequencyUncertainty: 1e-8,
  earliestS: 0,
  latestS: 0,
  causalEarliestS: 0,
  causalLatestS: 0,
  contradictions: 0,
  agreement: 'majority',
  agreedAtS: 0,
  asymmetryBoundS: 0,
  paths: 2,
  taken: 1,
  refused: 0,
  steps: 0,
  wander: 0,
  ...over,
});
const sample = (over: Partial<CombinedClock> = {}, status: Status = 'used'): Sample => ({
  path,
  status,
  atNs: stamp(0),
  clock: clockWith(over),
});

test('it speaks while the paths agree, and is silent in holdover', () => {
  const said = (agreement: Agreement) =>
    createChronyFeed().consider(sample({ agreement }), tick(0));
  assert.is(said('few'), null);
  assert.is(said('majority'), null);
  assert.is(said('history'), 'disagreement');
  assert.is(said('holdover'), 'disagreement');
});

test('no clock, no weight, nothing new: no sample', () => {
  const feed = createChronyFeed();
  assert.is(feed.consider({ ...sample(), clock: null }, tick(0)), 'unsynchronized');
  assert.is(feed.consider(sample({ paths: 0 }), tick(0)), 'unsynchronized');
  assert.is(
    feed.consider(sample({ uncertaintyS: Number.POSITIVE_INFINITY }), tick(0)),
    'unsynchronized',
  );
  for (const status of ['held', 'duplicate', 'order', 'hold', 'late'] as const) {
    assert.is(feed.consider(sample({}, status), tick(0)), 'refused');
  }
  assert.is(feed.consider(sample(), tick(0)), null, 'silence counts for no spacing');
});

test('a sample per measurement, at most four a second', () => {
  const feed = createChronyFeed();
  const sent = Array.from({ length: 64 }, (_, n) => feed.consider(sample(), tick((n * 1e9) / 16)));
  assert.is(sent.filter((silence) => silence === null).length, 16);
  assert.is(sent.filter((silence) => silence === 'soon').length, 48);
});

test.run();
