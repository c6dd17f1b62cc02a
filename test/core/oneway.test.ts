/** One-way measurements: arithmetic against the twin, refusals, pairing, the causal interval. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, ConfigError, type Core, CoreError, type Direction } from '../../src/core.ts';
import { KIND_UNIX } from '../../src/recording/record.ts';
import { createRandom } from '../fuzz/random.ts';
import { putOneWay } from '../sim/spans.ts';
import { type OneWayStamps, secondsOf, spanUnits, wholeOf } from '../twin/oneway.ts';
import { awkward, BUILDS, firstDifference, openCore, remembered, writeStamps } from './rig.ts';

const test = suite('core one-way');

const SECOND = 1_000_000_000n;
const MS = 1_000_000n;
const NOW = 1_763_600_000n * SECOND;
const NS_UNITS = 65536n;
const MOST = 2n ** 63n - 1n;
/** Slots of a path's report (assembly/memory.ts), reverse and forward. */
const SPANS = { reverse: 19, forward: 20 } as const;
const CAUSAL = { earliest: 14, latest: 15 } as const;
/** Farther than any two clocks of 64 bits can be apart, s. */
const UNKNOWN_S = 9e10;

function take(core: Core, stamps: OneWayStamps, path = 0): string {
  putOneWay(core.records, 0, { path, ...stamps });
  core.ingest(1);
  return core.result(0).status;
}

/** A span measured with the remote clock `aheadNs` ahead, after `delayNs` on the way. */
function span(
  direction: Direction,
  sentNs: bigint,
  delayNs: bigint,
  aheadNs = 0n,
  correction = 0n,
): OneWayStamps {
  const isForward = direction === 'forward';
  const local = isForward ? sentNs + delayNs : sentNs;
  const remote = (isForward ? sentNs : sentNs + delayNs) + aheadNs;
  return { direction, remote, local, correction };
}

const slots = (core: Core, path = 0): Float64Array => {
  const { memory, PATHS, PATH_BYTES } = core.exports;
  return new Float64Array(memory.buffer, PATHS.value + PATH_BYTES.value * path, 32);
};
const clockSlots = (core: Core): Float64Array =>
  new Float64Array(core.exports.memory.buffer, core.exports.CLOCK.value, 20);
const spanSlot = (core: Core, direction: Direction): number =>
  slots(core)[SPANS[direction]] ?? Number.NaN;

test('spans agree with the BigInt twin to the bit on 20000 awkward stamps and corrections', () => {
  const random = createRandom(31);
  const cores = BUILDS.map(({ bytes }) => openCore({ combiner: 'average', module: bytes }, 1));
  for (let n = 0; n < 20_000; n++) {
    const near = random.below(2) === 0;
    const remote = near ? NOW + (awkward(random) >> BigInt(random.below(64))) : awkward(random);
    const local = near ? NOW + BigInt(random.u32()) : awkward(random);
    const stamps: OneWayStamps = {
      direction: random.below(2) === 0 ? 'forward' : 'reverse',
      remote: BigInt.asIntN(64, remote),
      local: BigInt.asIntN(64, local),
      correction: random.below(4) === 0 ? 0n : awkward(random),
    };
    const base = wholeOf(stamps);
    const units = spanUnits(stamps, base);
    for (const core of cores) {
      core.reset();
      core.openPath();
      assert.is(take(core, stamps), 'held');
      assert.is(clockSlots(core)[1], Number(base));
      const got = spanSlot(core, stamps.direction);
      const wanted = secondsOf(units);
      // beyond 39 h, where 2^-16 ns do not fit 64 bits, whole ns count
      const fits = units > -MOST + 2n * NS_UNITS && units < MOST - 2n * NS_UNITS;
      const slack = fits ? 0 : 1e-9 + Math.abs(wanted) * 2 ** -52;
      const isSame = Math.abs(got - wanted) <= slack;
      if (!isSame) assert.unreachable(`${JSON.stringify(String(units))}: ${got}, not ${wanted}`);
    }
  }
});

test('a correction is taken off to the last 2^-16 ns, either sign, either direction', () => {
  for (const direction of ['forward', 'reverse'] as const) {
    for (const correction of [0n, 1n, -1n, 65535n, 65536n, -65537n, 3n * MS * NS_UNITS + 7n]) {
      const core = openCore({ combiner: 'kalman' }, 1);
      take(core, span(direction, NOW, 5n * MS, 0n, correction));
      const units = 5n * MS * NS_UNITS - correction;
      assert.is(spanSlot(core, direction), secondsOf(units), `${direction} ${correction}`);
    }
  }
});

test('extreme corrections saturate nothing but what they must', () => {
  for (const correction of [MOST, -MOST - 1n]) {
    for (const direction of ['forward', 'reverse'] as const) {
      const core = openCore({ combiner: 'kalman' }, 1);
      take(core, span(direction, NOW, 5n * MS, 0n, correction));
      const wanted = secondsOf(5n * MS * NS_UNITS - correction);
      assert.ok(Math.abs(spanSlot(core, direction) / wanted - 1) < 2 ** -51);
    }
  }
});

test('a remote clock 1 s ahead gives offset +1, 1 s behind gives −1, in every combiner', () => {
  for (const combiner of COMBINERS) {
    for (const aheadS of [1, -1]) {
      const core = openCore({ combiner }, 1);
      const ahead = BigInt(aheadS) * SECOND;
      take(core, span('forward', NOW, 5n * MS, ahead));
      take(core, span('reverse', NOW + 6n * MS, 5n * MS, ahead));
      assert.is(core.result(0).valid, true, combiner);
      assert.ok(Math.abs(core.result(0).offsetS - aheadS) < 1e-9, `${combiner} ${aheadS}`);
      assert.ok(Math.abs(core.path(0).delayS - 0.01) < 1e-9);
    }
  }
});

test('both directions give the offset and delay of the exchange with the same four stamps', () => {
  for (const combiner of COMBINERS) {
    const exchange = openCore({ combiner }, 1);
    const [t1, t2, t3, t4] = [NOW, NOW + 7n * MS, NOW + 8n * MS, NOW + 11n * MS];
    const stamps = { path: 0, localSend: t1, remoteReceive: t2, remoteSend: t3, localReceive: t4 };
    writeStamps(exchange, 0, KIND_UNIX, stamps);
    exchange.ingest(1);
    const spans = openCore({ combiner }, 1);
    take(spans, { direction: 'reverse', local: t1, remote: t2, correction: 0n });
    take(spans, { direction: 'forward', local: t4, remote: t3, correction: 0n });
    const [a, b] = [exchange.path(0), spans.path(0)];
    assert.is(b.offsetS, a.offsetS, combiner);
    assert.is(b.delayS, a.delayS);
    assert.is(b.taken, 1);
    assert.is(spans.result(0).offsetS, exchange.result(0).offsetS);
  }
});

test('a span seen twice is a duplicate; the same stamps the other way are not', () => {
  const core = openCore({ combiner: 'braid' }, 2);
  const forward = span('forward', NOW, 5n * MS);
  assert.is(take(core, forward), 'held');
  assert.is(take(core, forward), 'duplicate');
  assert.is(take(core, { ...forward, correction: 5n }), 'duplicate');
  assert.is(take(core, forward, 1), 'held');
  assert.not.equal(take(core, { ...forward, direction: 'reverse' }), 'duplicate');
  assert.is(core.path(0).refused, 2);
  assert.is(core.path(0).forwards, 1);
  assert.is(core.path(0).reverses, 1);
});

test('what comes over 64 s late is refused and changes counters only, until it is the rule', () => {
  for (const combiner of ['kalman', 'braid'] as const) {
    const core = openCore({ combiner }, 1);
    take(core, span('forward', NOW, 5n * MS));
    take(core, span('reverse', NOW + MS, 5n * MS));
    const before = remembered(core);
    assert.is(take(core, span('forward', NOW - 65n * SECOND, 5n * MS)), 'late');
    const at = firstDifference(before, remembered(core));
    const slot = (at - 64) / 8; // of the clock: CLOCK_REFUSED, before any other
    assert.ok(at >= 0 && slot <= 20, `byte ${at}`);
    for (let n = 1; n < 7; n++) {
      assert.is(take(core, span('reverse', NOW - 70n * SECOND + BigInt(n), 5n * MS)), 'late');
    }
    const last = span('reverse', NOW - 60n * SECOND * 2n, 5n * MS);
    assert.not.equal(take(core, last), 'late', 'the eighth in a row: the clock was set back');
  }
});

test('unknown kinds, closed paths and wrong arguments are told', () => {
  const core = openCore({ combiner: 'braid' }, 1);
  core.records.setUint32(0, 0, true);
  core.records.setUint32(4, 4, true);
  assert.is(core.exports.ingest(1), -2);
  assert.is(core.exports.oneWay(7, 0, 0n, 0, 0, 0n), -1);
  assert.throws(
    () => core.oneWay(3, 'forward', 0n, 0, 0, 0n),
    (error: unknown) => error instanceof CoreError,
  );
  const wrong: readonly (readonly unknown[])[] = [
    [0, 'sideways', 0n, 0, 0, 0n],
    [0, 'forward', 2n ** 63n, 0, 0, 0n],
    [0, 'forward', 5, 0, 0, 0n],
    [0, 'reverse', 0n, 0, 0, -(2n ** 63n) - 1n],
    [-1, 'reverse', 0n, 0, 0, 0n],
  ];
  for (const given of wrong) {
    assert.throws(
      () => (core.oneWay as (...given: readonly unknown[]) => void)(...given),
      (error: unknown) => error instanceof ConfigError,
      String(given),
    );
  }
});

test('oneWay does what the equivalent record does, to the bit', () => {
  const random = createRandom(33);
  for (const combiner of COMBINERS) {
    const calls = openCore({ combiner }, 3);
    const records = openCore({ combiner }, 3);
    for (let n = 0; n < 600; n++) {
      const path = random.below(3);
      const direction = random.below(3) === 0 ? 'reverse' : 'forward';
      const at = NOW + BigInt(n) * 100n * MS;
      const stamps = span(direction, at, 5n * MS + BigInt(random.below(1_000_000)), 20n * MS, 77n);
      const epochS = 1_763_600_000 - random.below(3);
      const localNs = Number(stamps.local - BigInt(epochS) * SECOND);
      const { remote, correction } = stamps;
      const status = calls.oneWay(path, direction, remote, epochS, localNs, correction);
      assert.is(status, take(records, stamps, path));
      const record = new Uint8Array(records.exports.memory.buffer, records.records.byteOffset, 40);
      assert.is(firstDifference(calls.lastRecord(), record), -1);
    }
    assert.is(firstDifference(remembered(calls), remembered(records)), -1, combiner);
    assert.is(calls.clock()?.taken, 600);
  }
});

test('only forward: no clock, one side of the causal interval, and the path says why', () => {
  for (const combiner of COMBINERS) {
    const core = openCore({ combiner }, 2);
    for (let n = 0; n < 40; n++) {
      const at = NOW + BigInt(n) * SECOND;
      const delay = (5n + BigInt(n % 3)) * MS;
      assert.is(take(core, span('forward', at, delay, 2n * MS), n % 2), 'held');
    }
    assert.is(core.clock(), null, combiner);
    assert.is(core.result(0).valid, false);
    const { state, reason, reasonS, forwards, reverses, taken } = core.path(0);
    assert.equal([state, reason, forwards, reverses, taken], ['warming', 16, 20, 0, 0]);
    assert.ok(Math.abs(reasonS - 38) < 0.1, `${reasonS}`);
    const causal = clockSlots(core);
    // 2 ms ahead and 5 ms on the way: not below −3 ms, less what 500 ppm make of a few seconds
    const earliest = causal[CAUSAL.earliest] ?? 0;
    assert.ok(earliest <= -0.003 && earliest > -0.006, `${earliest}`);
    assert.ok((causal[CAUSAL.latest] ?? 0) > UNKNOWN_S);
    // one reverse span, and there is a clock
    take(core, span('reverse', NOW + 40n * SECOND, 5n * MS, 2n * MS));
    assert.is(core.result(0).valid, true, combiner);
    assert.ok(core.result(0).causalLatestS < 0.008);
    assert.is(core.path(0).taken, 1);
  }
});

test('only reverse is the same with the other side', () => {
  const core = openCore({ combiner: 'kalman' }, 1);
  for (let n = 0; n < 8; n++) {
    take(core, span('reverse', NOW + BigInt(n) * SECOND, 5n * MS, 2n * MS));
  }
  assert.is(core.clock(), null);
  assert.is(core.path(0).reason, 16);
  assert.ok((clockSlots(core)[CAUSAL.earliest] ?? 0) < -UNKNOWN_S);
  assert.ok(Math.abs((clockSlots(core)[CAUSAL.latest] ?? 0) - 0.007) < 0.001);
});

test('an exchange comes of each pair: eight forward and one reverse a second make one a second', () => {
  const core = openCore({ combiner: 'kalman' }, 1);
  for (let n = 0; n < 8 * 60; n++) {
    const at = NOW + (BigInt(n) * SECOND) / 8n;
    take(core, span('forward', at, 5n * MS));
    if (n % 8 === 7) assert.is(take(core, span('reverse', at + 10n * MS, 5n * MS)), 'used');
  }
  const { taken, forwards, reverses, intervalS, delayS } = core.path(0);
  assert.equal([taken, forwards, reverses], [60, 480, 60]);
  assert.ok(Math.abs(intervalS - 1) < 1e-9, `${intervalS}`);
  assert.ok(Math.abs(delayS - 0.01) < 1e-9);
  assert.is(core.clock()?.taken, 540);
});

test('the older direction is carried along the frequency: a gap does not look like delay', () => {
  // remote 50 ppm fast; forward at t, reverse half a second later
  const core = openCore({ combiner: 'kalman' }, 1);
  const ahead = (at: bigint) => ((at - NOW) * 50n) / 1_000_000n;
  for (let n = 0; n < 64; n++) {
    const at = NOW + BigInt(n) * SECOND;
    take(core, span('forward', at, 50_000n, ahead(at)));
    take(core, span('reverse', at + SECOND / 2n, 50_000n, ahead(at + SECOND / 2n)));
  }
  const { delayS, offsetS, floorS } = core.path(0);
  assert.ok(Math.abs(delayS - 100e-6) < 20e-9, `delay ${delayS}`);
  const truth = Number(ahead(NOW + 63n * SECOND + SECOND / 2n)) / 1e9;
  assert.ok(Math.abs(offsetS - truth) < 20e-9, `offset ${offsetS}, not ${truth}`);
  // half a second at 50 ppm is 25 us: the floor must not have kept what the first pairs seemed to be
  assert.ok(Math.abs(floorS - 100e-6) < 1e-6, `floor ${floorS}`);
});

test('directions more than 64 s apart, or together shorter than nothing, make no exchange', () => {
  const core = openCore({ combiner: 'kalman' }, 1);
  take(core, span('forward', NOW, 5n * MS));
  take(core, span('reverse', NOW + 65n * SECOND, 5n * MS));
  assert.is(core.path(0).taken, 0);
  // the reverse one still waits for the next forward one
  take(core, span('forward', NOW + 66n * SECOND, 5n * MS));
  assert.is(core.path(0).taken, 1);
  const gated = () => core.path(0).gated;
  const before = gated();
  // the local clock is set back by 10 s in between: both spans together are −10 s
  take(core, span('reverse', NOW + 77n * SECOND, 5n * MS));
  take(core, span('forward', NOW + 78n * SECOND, 5n * MS, 10n * SECOND));
  assert.is(core.path(0).taken, 1);
  assert.is(gated(), before + 1);
  // the newer of the two still waits
  take(core, span('reverse', NOW + 79n * SECOND, 5n * MS, 10n * SECOND));
  assert.is(core.path(0).taken, 2);
  assert.ok(Math.abs(core.path(0).delayS - 0.01) < 1e-3);
});

test('NTP exchanges on one path and one-way spans on another make one clock', () => {
  for (const combiner of COMBINERS) {
    const core = openCore({ combiner }, 2);
    for (let n = 0; n < 50; n++) {
      const at = NOW + BigInt(n) * SECOND;
      const [out, back] = [5n * MS + BigInt((n * 7) % 100) * 1000n, 5n * MS];
      const stamps = {
        ...{ path: 0, localSend: at, remoteReceive: at + out + 3n * MS },
        ...{ remoteSend: at + out + 3n * MS, localReceive: at + out + back },
      };
      writeStamps(core, 0, KIND_UNIX, stamps);
      core.ingest(1);
      take(core, span('forward', at + SECOND / 2n, 6n * MS, 3n * MS), 1);
      take(core, span('reverse', at + SECOND / 2n + 10n * MS, 6n * MS, 3n * MS), 1);
    }
    assert.is(core.path(0).taken, 50);
    assert.is(core.path(1).taken, 50);
    assert.ok(Math.abs((core.clock()?.offsetS ?? 0) - 0.003) < 60e-6, combiner);
    if (combiner !== 'best') assert.is(core.clock()?.paths, 2, combiner);
  }
});

test.run();
