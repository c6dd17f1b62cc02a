import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { AnnounceContent } from '../../src/ptp/dataset.ts';
import {
  bestForeign,
  clearForeign,
  expireForeign,
  type ForeignRefusal,
  hearAnnounce,
  nextExpiry,
  setParent,
} from '../../src/ptp/foreign.ts';
import { ALL_CLOCKS, NO_CLOCK } from '../../src/ptp/identity.ts';
import { clockIdentityOfIp } from '../../src/ptp/ownidentity.ts';
import {
  createForeignTable,
  type ForeignConfig,
  type ForeignTable,
  isQualified,
  parentOf,
  receiptTimeoutAt,
  receiptTimeoutNs,
} from '../../src/ptp/qualified.ts';
import { tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import { announce } from './announce.ts';

const test = suite('ptp foreign masters');

const OWN = ['026362.00c0.000201', '026362.00c0.000202'];
const S = 1e9;
const INTERVAL_S = 2;
const INTERVAL = INTERVAL_S * S;
const START = 1000 * S;

const table = (over: Partial<ForeignConfig> = {}): ForeignTable =>
  createForeignTable({
    receiver: { clockIdentity: OWN[0] ?? '', portNumber: 1 },
    ownIdentities: OWN,
    announceIntervalS: INTERVAL_S,
    announceReceiptTimeout: 3,
    ...over,
  });

/** The Announce of master n; the lower the number, the better its grandmaster. */
const master = (n: number, over: Partial<AnnounceContent> = {}): AnnounceContent => {
  const clockIdentity = `00000b.fffe.${n.toString(16).padStart(6, '0')}`;
  return announce({
    sourcePortIdentity: { clockIdentity, portNumber: 1 },
    grandmasterIdentity: clockIdentity,
    grandmasterPriority1: 100,
    ...over,
  });
};
const keyOf = (n: number) => `${master(n).sourcePortIdentity.clockIdentity}-1`;
const at = (intervals: number, ns = 0) => tick(START + intervals * INTERVAL + ns);
const hear = (to: ForeignTable, what: AnnounceContent, when: number, ns = 0) =>
  hearAnnounce(to, what, at(when, ns));
const bestKey = (of: ForeignTable, when: number, ns = 0) =>
  bestForeign(of, at(when, ns))?.key ?? null;
/** Makes master n qualified at time 0 and 1. */
function qualify(to: ForeignTable, ...list: number[]): void {
  for (const when of [0, 1]) for (const n of list) hear(to, master(n), when);
}

test('one Announce qualifies nobody, the second does (BASE-B2)', () => {
  const to = table();
  const first = hear(to, master(1), 0);
  assert.ok(first.type === 'heard' && first.isNew && !first.isChange && !first.isCopy);
  assert.is(bestKey(to, 0), null);
  const second = hear(to, master(1), 1);
  assert.ok(second.type === 'heard' && !second.isNew && second.isChange);
  assert.is(bestKey(to, 1), keyOf(1));
  const third = hear(to, master(1), 2);
  assert.ok(third.type === 'heard' && !third.isChange, 'nothing new, no decision');
});

test('two Announces just within 4 intervals qualify, 4 intervals apart do not (BASE-B2)', () => {
  const within = table();
  hear(within, master(1), 0);
  hear(within, master(1), 4, -1);
  assert.is(bestKey(within, 4, -1), keyOf(1));
  assert.is(bestKey(within, 4), null, 'and the first has left the window 1 ns later');
  const without = table();
  hear(without, master(1), 0);
  hear(without, master(1), 4);
  assert.is(bestKey(without, 4), null);
  hear(without, master(1), 5);
  assert.is(bestKey(without, 5), keyOf(1), 'the second and the third do');
});

test('a silent master disqualifies when its last but one Announce is 4 intervals old', () => {
  const to = table();
  qualify(to, 1);
  assert.is(bestKey(to, 4, -1), keyOf(1));
  assert.is(bestKey(to, 4), null);
});

test('one lost Announce in three does not disqualify', () => {
  const to = table();
  qualify(to, 1);
  for (const when of [2, 4, 5, 7, 8, 10, 11]) {
    hear(to, master(1), when);
    for (const later of [0, 0.5, 1, 1.5, 1.99]) assert.is(bestKey(to, when + later), keyOf(1));
  }
});

test('copies over 8 addresses are one master, and one Announce of it (PTP-D17)', () => {
  const to = table();
  for (let copy = 0; copy < 8; copy++) {
    const heard = hear(to, master(1), 0, copy * 1e6);
    assert.ok(heard.type === 'heard' && heard.isNew === (copy === 0) && heard.isCopy === copy > 0);
  }
  assert.is(to.masters.length, 1);
  assert.is(bestKey(to, 0, 8e6), null, '8 copies do not qualify');
  hear(to, master(1), 1);
  assert.is(bestKey(to, 1), keyOf(1));
});

test('half an interval tells a copy from the next Announce, both boundaries', () => {
  const near = table();
  hear(near, master(1), 0);
  hear(near, master(1), 0.5, -1);
  assert.is(bestKey(near, 0.5), null);
  const far = table();
  hear(far, master(1), 0);
  hear(far, master(1), 0.5);
  assert.is(bestKey(far, 0.5), keyOf(1));
});

test('two ports of one clock are two foreign masters', () => {
  const to = table();
  const second = master(1, {
    sourcePortIdentity: { ...master(1).sourcePortIdentity, portNumber: 2 },
  });
  for (const when of [0, 1]) {
    hear(to, second, when);
    hear(to, master(1), when);
  }
  assert.is(to.masters.length, 2);
  assert.is(bestKey(to, 1), keyOf(1), 'the lower port is better by topology');
});

test('what can be no foreign master is refused with the reason (BASE-B2, PTP-S17)', () => {
  const port = (clockIdentity: string) => ({ clockIdentity, portNumber: 7 });
  const cases: [Partial<AnnounceContent>, ForeignRefusal][] = [
    [{ sourcePortIdentity: port(OWN[0] ?? '') }, 'own-clock'],
    [{ sourcePortIdentity: port(OWN[1] ?? '') }, 'own-clock'],
    [{ sourcePortIdentity: port(ALL_CLOCKS) }, 'reserved-identity'],
    [{ sourcePortIdentity: port(NO_CLOCK) }, 'reserved-identity'],
    [{ alternateMasterFlag: true }, 'alternate-master'],
    [{ stepsRemoved: 255 }, 'steps-removed'],
    [{ stepsRemoved: 65535 }, 'steps-removed'],
    [{ pathTrace: ['00000b.fffe.000001', OWN[1] ?? ''] }, 'path-trace'],
  ];
  const to = table();
  for (const [over, reason] of cases) {
    for (const when of [0, 1]) {
      assert.equal(hear(to, master(1, over), when), { type: 'refused', reason });
    }
  }
  assert.equal(to.masters, []);
});

test('254 steps, and a path through others, are no hindrance', () => {
  const to = table();
  const far = master(1, { stepsRemoved: 254, pathTrace: ['00000b.fffe.000001'] });
  for (const when of [0, 1]) hear(to, far, when);
  assert.is(bestKey(to, 1), keyOf(1));
});

test('an acceptable master table lets nobody else in (EP-093, EP-094)', () => {
  const to = table({ acceptable: [master(2).sourcePortIdentity.clockIdentity] });
  qualify(to, 1, 2);
  assert.equal(hear(to, master(1), 2), { type: 'refused', reason: 'not-acceptable' });
  assert.is(bestKey(to, 1), keyOf(2));
});

test('the best is the best by the comparison, not the first or the loudest (PTP-S04)', () => {
  const to = table();
  qualify(to, 3, 1, 2);
  assert.is(bestKey(to, 1), keyOf(1));
  const change = hear(to, master(1, { grandmasterPriority1: 200 }), 2);
  assert.ok(change.type === 'heard' && change.isChange, 'worse than before: decide again');
  hear(to, master(2), 2);
  assert.is(bestKey(to, 2), keyOf(2));
});

test('every judged field makes a change, time properties do not', () => {
  const quality = master(1).grandmasterClockQuality;
  const changes: Partial<AnnounceContent>[] = [
    { grandmasterIdentity: keyOf(9).slice(0, -2) },
    { grandmasterPriority1: 1 },
    { grandmasterPriority2: 1 },
    { stepsRemoved: 1 },
    { grandmasterClockQuality: { ...quality, clockClass: 6 } },
    { grandmasterClockQuality: { ...quality, clockAccuracy: 6 } },
    { grandmasterClockQuality: { ...quality, offsetScaledLogVariance: 6 } },
  ];
  for (const over of changes) {
    const to = table();
    qualify(to, 1);
    const heard = hear(to, master(1, over), 2);
    assert.ok(heard.type === 'heard' && heard.isChange, JSON.stringify(over));
  }
  const to = table();
  qualify(to, 1);
  const heard = hear(to, master(1, { leap61: true, currentUtcOffset: 36 }), 2);
  assert.ok(heard.type === 'heard' && !heard.isChange && heard.master.announce.leap61);
});

test('announce receipt timeout of the parent: 3 intervals, not one ns sooner (BASE-B3)', () => {
  const to = table();
  qualify(to, 1);
  setParent(to, bestForeign(to, at(1)));
  assert.is(nextExpiry(to), at(4));
  assert.is(expireForeign(to, at(4, -1)), null);
  assert.is(bestKey(to, 4, -1), keyOf(1));
  assert.is(bestKey(to, 4), null, 'even before the timer fires');
  assert.is(expireForeign(to, at(4))?.key, keyOf(1));
  assert.is(to.parent, null);
  assert.equal(to.masters, []);
  assert.is(nextExpiry(to), null);
});

test('the timeout follows the setting and its extension, also without a parent (EP-055)', () => {
  const to = table({ announceReceiptTimeout: 6 });
  assert.is(receiptTimeoutNs(to), 6 * INTERVAL);
  to.extensionNs = 0.25 * INTERVAL;
  assert.is(receiptTimeoutNs(to), 6.25 * INTERVAL);
  qualify(to, 1);
  setParent(to, bestForeign(to, at(1)));
  assert.is(bestKey(to, 7.25, -1), keyOf(1), 'the parent stays though its window is empty');
  assert.is(expireForeign(to, at(7.25))?.key, keyOf(1));
});

test('any copy keeps the parent alive: a cut path is no dead master (PTP-D18)', () => {
  const to = table();
  qualify(to, 1);
  setParent(to, bestForeign(to, at(1)));
  hear(to, master(1), 1.25);
  const parent = parentOf(to);
  assert.is(parent && receiptTimeoutAt(to, parent), at(4.25));
});

test('others are forgotten 4 intervals after their last word, without a word to the port', () => {
  const to = table();
  qualify(to, 1, 2);
  setParent(to, bestForeign(to, at(1)));
  for (const when of [2, 3, 4]) hear(to, master(1), when);
  assert.is(expireForeign(to, at(5, -1)), null);
  assert.is(to.masters.length, 2);
  assert.is(expireForeign(to, at(5)), null);
  assert.equal(
    to.masters.map(({ key }) => key),
    [keyOf(1)],
  );
  assert.is(to.parent, keyOf(1));
});

test('a sender with another granted interval is held to its own', () => {
  const to = table();
  const slow = 8 * INTERVAL;
  for (const when of [0, 8]) hearAnnounce(to, master(1), at(when), slow);
  assert.is(bestKey(to, 31.9), keyOf(1));
  assert.is(bestKey(to, 32), null);
  setParent(to, to.masters[0] ?? null);
  assert.is(bestKey(to, 31.9), keyOf(1), 'receipt timeout 3 × 8 intervals after the last');
  assert.is(bestKey(to, 32), null);
});

test('a port that goes down forgets everybody', () => {
  const to = table();
  qualify(to, 1, 2);
  setParent(to, bestForeign(to, at(1)));
  clearForeign(to);
  assert.is(bestForeign(to, at(1)), null);
  assert.is(parentOf(to), null);
});

/** n-th made-up sender of a flood. */
const forged = (n: number, over: Partial<AnnounceContent> = {}) => {
  const clockIdentity = clockIdentityOfIp(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`);
  const sourcePortIdentity = { clockIdentity, portNumber: 1 };
  const better = { grandmasterIdentity: clockIdentity, grandmasterPriority1: 0 };
  return master(0, { sourcePortIdentity, ...better, ...over });
};

test('10^5 forged senders: memory stays, the parent and the qualified stay (BASE-B2, SEC-11)', () => {
  const to = table();
  qualify(to, 1, 2, 3);
  setParent(to, bestForeign(to, at(1)));
  const real = () => to.masters.filter(({ key }) => [1, 2, 3].some((n) => key === keyOf(n)));
  let full = 0;
  for (let i = 0; i < 100_000; i++) {
    const when = 1 + i / 10_000; // 10 intervals long
    if (i % 10_000 === 0) for (const n of [1, 2, 3]) hear(to, master(n), when);
    const heard = hear(to, forged(i), when);
    full += heard.type === 'refused' && heard.reason === 'full' ? 1 : 0;
    if (i % 100 === 0) {
      expireForeign(to, at(when));
      assert.ok(to.masters.length <= to.capacity);
      assert.is(real().length, 3);
      assert.is(bestKey(to, when), keyOf(1));
    }
  }
  assert.is(to.parent, keyOf(1));
  assert.ok(full > 90_000);
});

test('a flood cannot hide that the parent has gone', () => {
  const to = table({ capacity: 8 });
  qualify(to, 1);
  setParent(to, bestForeign(to, at(1)));
  for (let i = 0; i < 1000; i++) hear(to, forged(i), 1 + i / 200); // silent from 1 to 6
  assert.is(expireForeign(to, at(6))?.key, keyOf(1));
});

test('500 forged masters that all qualify, all better: the parent keeps its record', () => {
  const to = table();
  qualify(to, 1);
  setParent(to, bestForeign(to, at(1)));
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 500; i++) hear(to, forged(i), 1 + round / 100);
    assert.ok(to.masters.length <= to.capacity);
  }
  assert.is(parentOf(to)?.key, keyOf(1));
  assert.is.not(bestKey(to, 3), keyOf(1), 'whoever says it is better, and qualifies, is better');
});

test('a newcomer that found a place keeps it through a flood until it could qualify', () => {
  const to = table();
  hear(to, master(5), 0);
  for (let i = 0; i < 100_000; i++) hear(to, forged(i), i / 100_000);
  hear(to, master(5), 1);
  assert.is(bestKey(to, 1), keyOf(5));
});

test('after a flood newcomers find room again, the oldest one-timers go first', () => {
  const to = table({ capacity: 8 });
  for (let i = 0; i < 20; i++) hear(to, forged(i), 0, i);
  assert.is(to.masters.length, 4, 'newcomers get half of the places');
  assert.equal(hear(to, master(1), 2, -1), { type: 'refused', reason: 'full' });
  const heard = hear(to, master(1), 2);
  assert.ok(heard.type === 'heard' && heard.isNew);
  assert.equal(
    to.masters.map(({ announce: { sourcePortIdentity } }) => sourcePortIdentity.clockIdentity),
    [1, 2, 3].map((n) => forged(n).sourcePortIdentity.clockIdentity).concat(keyOf(1).slice(0, -2)),
  );
});

test('more qualified masters than places: the worst goes, never the parent', () => {
  const to = table({ capacity: 8 });
  qualify(to, 9);
  setParent(to, bestForeign(to, at(1)));
  for (const when of [1, 2]) for (const n of [10, 11, 12]) hear(to, master(n), when);
  for (const when of [2, 3]) hear(to, master(1), when);
  hear(to, master(9), 2);
  const keys = to.masters.map(({ key }) => key);
  assert.equal(keys, [9, 10, 11, 1].map(keyOf), '12 was the worst');
  hear(to, master(50), 2);
  assert.equal(hear(to, master(50), 3), { type: 'refused', reason: 'full' }, 'worse than all');
  assert.equal(
    to.masters.map(({ key }) => key),
    keys,
  );
  setParent(to, to.masters.find(({ key }) => key === keyOf(11)) ?? null);
  for (const n of [9, 10, 11]) hear(to, master(n), 3);
  for (const when of [2.5, 3.5]) hear(to, master(2), when);
  assert.ok(parentOf(to) !== null, 'the worst of all is the parent: another goes');
  assert.not(to.masters.some(({ key }) => key === keyOf(10)));
});

test('10^5 random Announces of 40 senders with gaps: limits hold at every step', () => {
  const random = createRandom(0xf10d);
  const to = table({ capacity: 16 });
  let now = START;
  for (let i = 0; i < 100_000; i++) {
    now += random.below(INTERVAL / 8);
    if (random.below(4000) === 0) now += 10 * INTERVAL;
    const n = 1 + random.below(40);
    hearAnnounce(to, master(n, { grandmasterPriority1: random.below(3) }), tick(now));
    if (random.below(3) === 0) expireForeign(to, tick(now));
    if (random.below(50) === 0) setParent(to, bestForeign(to, tick(now)));
    const qualified = to.masters.filter((one) => isQualified(to, one, tick(now)));
    assert.ok(to.masters.length <= 16 && qualified.length <= 9, `${to.masters.length} at ${i}`);
    assert.is(new Set(to.masters.map(({ key }) => key)).size, to.masters.length);
  }
});

test('limits out of range are refused', () => {
  for (const over of [
    { announceIntervalS: 0 },
    { announceIntervalS: Number.NaN },
    { announceReceiptTimeout: 1 },
    { capacity: 3 },
  ]) {
    assert.throws(
      () => table(over),
      (error: unknown) => error instanceof ConfigError,
    );
  }
});

test('the table is plain data', () => {
  const to = table();
  qualify(to, 1, 2);
  assert.equal(JSON.parse(JSON.stringify(to)), to);
});

test.run();
