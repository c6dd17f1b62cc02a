import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TimePropertiesDS } from '../../src/ptp/dataset.ts';
import { parseLeapSeconds } from '../../src/ptp/leapseconds.ts';
import { hearTime, status } from '../../src/ptp/slave.ts';
import type { Timestamp } from '../../src/ptp/timestamp.ts';
import {
  ARB,
  createRig,
  delayResp,
  drops,
  EPOCH_NS,
  EPOCH_S,
  FOLLOWING,
  idOf,
  MASTER,
  masterTime,
  OTHER,
  oneWays,
  own,
  type Rig,
  S,
  sync,
  TAI,
} from './slaverig.ts';

const test = suite('ptp slave: time of the master');

const DAY_S = 86_400;
/** The first second of a UTC day in 2027. */
const MIDNIGHT_S = 20_820 * DAY_S;

const announce = (rig: Rig, properties: TimePropertiesDS) =>
  hearTime(rig.slave, MASTER, properties, rig.nowNs);
let id = 0;
/** A one-step Sync with this stamp: Unix ns of the measurement, or why there is none. */
function unixOf(rig: Rig, ptpS: number, nanoseconds = 0, correctionField = 0n): bigint | string {
  id = (id + 1) & 0xffff;
  const outputs = rig.hear(sync(id, { correctionField }, { seconds: ptpS, nanoseconds }));
  return oneWays(outputs)[0]?.remoteNs ?? drops(outputs).join();
}
const ns = (seconds: number, nanoseconds = 0): bigint =>
  BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
const rigOf = (properties: TimePropertiesDS | null, leapTable: string | null = null): Rig =>
  createRig(
    leapTable === null ? {} : { leapTable: parseLeapSeconds(leapTable) },
    undefined,
    FOLLOWING,
    properties,
  );

test('TAI of a master becomes Unix time by its currentUtcOffset (WIRE §2.10)', () => {
  assert.is(unixOf(rigOf(TAI), EPOCH_S + 37, 5), EPOCH_NS + 5n);
  const odd = { ...TAI, currentUtcOffset: -1 };
  assert.is(unixOf(rigOf(odd), EPOCH_S, 5), ns(EPOCH_S + 1, 5));
});

test('an arbitrary timescale is taken as it is, offset 37 or not (stock ptp4l and ptpd)', () => {
  assert.is(unixOf(rigOf(ARB), EPOCH_S, 5), EPOCH_NS + 5n);
  assert.is(unixOf(rigOf({ ...ARB, currentUtcOffsetValid: true }), EPOCH_S, 5), EPOCH_NS + 5n);
});

test('before its Announce, or without a valid offset, a master’s time is not UTC: drop', () => {
  assert.is(unixOf(rigOf(null), EPOCH_S), 'utc');
  const rig = rigOf({ ...TAI, currentUtcOffsetValid: false });
  assert.is(unixOf(rig, EPOCH_S), 'utc');
  assert.is(status(rig.slave)[0]?.utc, null);
  const asked = rig.run(S)[0];
  if (asked === undefined) throw new Error('not asked');
  const answer = delayResp(idOf(asked), own(1), masterTime(asked.atNs));
  assert.equal(drops(rig.hear(answer)), ['utc']);
  announce(rig, TAI);
  assert.is(unixOf(rig, EPOCH_S + 37), EPOCH_NS);
  assert.equal(status(rig.slave)[0]?.utc, { offsetS: 37, from: 'announced', change: null });
});

test('the own list of leap seconds helps a TAI master that does not know UTC', () => {
  const list = `#@ ${MIDNIGHT_S + 2_208_988_800}\n3692217600 37\n`; // 37 since 2017
  const rig = rigOf({ ...TAI, currentUtcOffsetValid: false }, list);
  assert.is(unixOf(rig, EPOCH_S + 37), EPOCH_NS);
  assert.is(status(rig.slave)[0]?.utc?.from, 'own-list');
  const expired = rigOf({ ...TAI, currentUtcOffsetValid: false }, list);
  assert.is(unixOf(expired, MIDNIGHT_S + 37), 'utc');
});

test('only the word of the followed master counts', () => {
  const rig = rigOf(null);
  assert.is(hearTime(rig.slave, OTHER, TAI, rig.nowNs), 'unknown');
  assert.is(unixOf(rig, EPOCH_S), 'utc');
  assert.equal(Object.keys(rig.slave.times), ['da9721.fffe.b7c4d9-1']);
});

test('another UTC offset is news: measurements before and after do not compare', () => {
  const rig = rigOf(TAI);
  unixOf(rig, EPOCH_S + 37);
  assert.is(announce(rig, TAI), 'same');
  const news = announce(rig, { ...TAI, currentUtcOffset: 38 });
  assert.is(news, 'changed');
  assert.is(unixOf(rig, EPOCH_S + 38), EPOCH_NS);
  assert.is(announce(rig, { ...TAI, currentUtcOffset: 38 }), 'same');
  assert.is(announce(rig, ARB), 'changed');
  assert.is(unixOf(rig, EPOCH_S), EPOCH_NS);
});

test('an offset that was unknown for a while is compared with the one before', () => {
  const rig = rigOf(TAI);
  unixOf(rig, EPOCH_S + 37);
  assert.is(announce(rig, { ...TAI, currentUtcOffsetValid: false }), 'unknown');
  assert.is(unixOf(rig, EPOCH_S + 37), 'utc');
  assert.is(announce(rig, TAI), 'same');
  announce(rig, { ...TAI, currentUtcOffsetValid: false });
  assert.is(announce(rig, { ...TAI, currentUtcOffset: 36 }), 'changed');
});

test('the first Announce cannot be news', () => {
  const rig = rigOf(null);
  assert.is(announce(rig, TAI), 'unknown'); // no stamp yet: which day is it?
  unixOf(rig, EPOCH_S + 37);
  assert.is(announce(rig, TAI), 'same');
});

/** A whole leap second: UTC seconds around midnight, as the master serves them. */
function overMidnight(rig: Rig, insert: boolean): Map<number, bigint | string> {
  const found = new Map<number, bigint | string>();
  const flags = insert ? { leap61: true } : { leap59: true };
  for (let ptpS = MIDNIGHT_S + 37 - 120; ptpS < MIDNIGHT_S + 37 + 180; ptpS++) {
    rig.at((ptpS - MIDNIGHT_S + 1000) * S);
    found.set(ptpS - MIDNIGHT_S - 37, unixOf(rig, ptpS, 500_000_000));
    if (ptpS % 2 === 1) continue;
    // The master lags: it announces the old offset with its flag for 20 s after the event
    const isOver = ptpS >= MIDNIGHT_S + 37 + 20;
    const after = { ...TAI, currentUtcOffset: insert ? 38 : 36 };
    assert.is(announce(rig, isOver ? after : { ...TAI, ...flags }), 'same', `${ptpS}`);
  }
  return found;
}

test('an inserted leap second: exact before and after, doubtful seconds are drops', () => {
  const found = overMidnight(rigOf({ ...TAI, leap61: true }), true);
  for (const [second, unix] of found) {
    // PTP second 0 after midnight of the old count is 23:59:60
    if (second >= -1 && second <= 2) assert.is(unix, 'leap-second', `${second}`);
    else {
      const expected = MIDNIGHT_S + second - (second > 0 ? 1 : 0);
      assert.is(unix, ns(expected, 500_000_000), `${second}`);
    }
  }
});

test('a deleted leap second: exact before and after, doubtful seconds are drops', () => {
  const found = overMidnight(rigOf({ ...TAI, leap59: true }), false);
  for (const [second, unix] of found) {
    if (second >= -3 && second <= 0) assert.is(unix, 'leap-second', `${second}`);
    else {
      const expected = MIDNIGHT_S + second + (second >= -1 ? 1 : 0);
      assert.is(unix, ns(expected, 500_000_000), `${second}`);
    }
  }
});

test('a day without leap flags has no doubtful second', () => {
  const rig = rigOf(TAI);
  for (let second = -3; second <= 3; second++) {
    assert.is(unixOf(rig, MIDNIGHT_S + 37 + second), ns(MIDNIGHT_S + second));
  }
});

test('a leap second called off before it came is none', () => {
  const rig = rigOf({ ...TAI, leap61: true });
  unixOf(rig, MIDNIGHT_S + 37 - 100);
  assert.is(announce(rig, TAI), 'same');
  rig.at(100 * S);
  for (let second = -2; second <= 3; second++) {
    assert.is(unixOf(rig, MIDNIGHT_S + 37 + second), ns(MIDNIGHT_S + second));
  }
});

test('the correction decides which second a stamp belongs to', () => {
  const rig = rigOf({ ...TAI, leap61: true });
  const justBefore: [number, number] = [MIDNIGHT_S + 37 - 2, 999_999_000];
  assert.is(unixOf(rig, ...justBefore), ns(MIDNIGHT_S - 2, 999_999_000));
  assert.is(unixOf(rig, ...justBefore, 1000n << 16n), 'leap-second');
  assert.is(unixOf(rig, ...justBefore, (999n << 16n) + 1n), ns(MIDNIGHT_S - 2, 999_999_000));
});

test('of an answer, the time before the correction tells the second', () => {
  const rig = rigOf({ ...TAI, leap61: true });
  rig.hear(sync(1, {}, { seconds: MIDNIGHT_S, nanoseconds: 0 }));
  for (const [correctionNs, reasons] of [
    [0n, ['leap-second']],
    [2000n, []],
  ] as const) {
    const asked = rig.run(rig.nowNs + 2 * S).at(-1);
    if (asked === undefined) throw new Error('not asked');
    rig.at(asked.atNs);
    const receipt = { seconds: MIDNIGHT_S + 37 - 1, nanoseconds: 1000 }; // doubt begins here
    const answer = delayResp(idOf(asked), own(1), receipt, {
      correctionField: correctionNs << 16n,
    });
    assert.equal(drops(rig.hear(answer)), reasons);
  }
});

test('a master that changes its offset a little early is not news', () => {
  const rig = rigOf({ ...TAI, leap61: true });
  unixOf(rig, MIDNIGHT_S + 37 - 1);
  assert.is(announce(rig, { ...TAI, currentUtcOffset: 38 }), 'same');
});

test('leap flags that come after midnight are for the next one', () => {
  const rig = rigOf(TAI);
  unixOf(rig, MIDNIGHT_S + 37 - 30);
  rig.at(60 * S); // no Sync for a minute
  assert.is(announce(rig, { ...TAI, leap61: true }), 'same');
  assert.is(unixOf(rig, MIDNIGHT_S + 37 + 31), ns(MIDNIGHT_S + 31));
});

test('an Announce between two Syncs is judged by the time that has passed since', () => {
  const rig = rigOf({ ...TAI, leap61: true });
  unixOf(rig, MIDNIGHT_S + 37 - 30);
  rig.at(60 * S); // no Sync for a minute; the leap second has come and gone
  assert.is(announce(rig, { ...TAI, leap61: true }), 'same');
  assert.is(unixOf(rig, MIDNIGHT_S + 37 + 31), ns(MIDNIGHT_S + 30));
});

test('times of a whole range convert and come back', () => {
  const rig = rigOf(TAI);
  const stamps: Timestamp[] = [
    { seconds: 0, nanoseconds: 1 },
    { seconds: 36, nanoseconds: 999_999_999 },
    { seconds: 2 ** 32, nanoseconds: 0 },
    { seconds: 2 ** 33 - 1, nanoseconds: 1 },
  ];
  for (const { seconds, nanoseconds } of stamps) {
    assert.is(unixOf(rig, seconds, nanoseconds), ns(seconds - 37, nanoseconds));
  }
});

test.run();
