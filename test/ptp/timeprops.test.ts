import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { type TimePropertiesDS, UNKNOWN_TIME } from '../../src/ptp/dataset.ts';
import {
  expiryDay,
  type LeapTable,
  leapAt,
  nextStep,
  parseLeapSeconds,
  taiOfUtc,
  utcOfTai,
} from '../../src/ptp/leapseconds.ts';
import {
  ownTime,
  planUtc,
  ptpOfUtc,
  servedSecond,
  type UtcPlan,
  utcOfPtp,
} from '../../src/ptp/timeprops.ts';
import { LEAP_LIST, WHOLE_LIST } from './leaplist.ts';

const test = suite('ptp time properties');

const unix = (iso: string) => Date.parse(iso) / 1000;
const LEAP_2017 = unix('2017-01-01T00:00:00Z');
const EXPIRY = unix('2026-06-28T00:00:00Z');
const LIST = parseLeapSeconds(WHOLE_LIST);
/** A list as it might be one day: a second left out, the count back from 37 to 36. */
const NEGATIVE: LeapTable = {
  steps: [...LIST.steps, { fromUnixS: unix('2026-01-01T00:00:00Z'), taiMinusUtcS: 36 }],
  updatedUnixS: null,
  expiresUnixS: EXPIRY,
};

test('reads the list: steps, last update, expiry', () => {
  assert.is(LIST.steps.length, 28);
  assert.equal(LIST.steps[0], { fromUnixS: unix('1972-01-01T00:00:00Z'), taiMinusUtcS: 10 });
  assert.equal(LIST.steps.at(-1), { fromUnixS: LEAP_2017, taiMinusUtcS: 37 });
  assert.is(LIST.updatedUnixS, 3960835200 - 2208988800);
  assert.is(LIST.expiresUnixS, EXPIRY);
  assert.is(expiryDay(LIST), '2026-06-28');
  assert.equal(parseLeapSeconds(WHOLE_LIST.replaceAll('\n', '\r\n')), LIST, 'other line ends');
});

test('a list that cannot be trusted is refused, with its line (EP-064)', () => {
  const cases: [string, RegExp][] = [
    ['', /one per|one line per leap second/],
    ['<html>not found</html>', /my\.list:1/],
    [LEAP_LIST, /my\.list:18.*one second from 12/],
    [WHOLE_LIST.replace(/^#@.*$/m, '#'), /expiry/],
    [WHOLE_LIST.replace('3991593600', 'soon'), /my\.list:10.*seconds since 1900/],
    [WHOLE_LIST.replace('2303683200', '2303683201'), /first second of a UTC day/],
    [WHOLE_LIST.replace('2303683200', '2287785600'), /later than the line before/],
    [WHOLE_LIST.replace('37 ', '37.0 '), /TAI − UTC in seconds/],
    [WHOLE_LIST.replace('37 ', '37 37 '), /TAI − UTC in seconds/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseLeapSeconds(text, 'my.list'),
      (error: unknown) => error instanceof ConfigError && message.test(error.message),
      String(message),
    );
  }
});

test('the offset at a second, both sides of a step', () => {
  const offset = (iso: string) => leapAt(LIST, unix(iso))?.currentUtcOffset;
  assert.is(offset('2016-12-31T23:59:59Z'), 36);
  assert.is(offset('2017-01-01T00:00:00Z'), 37);
  assert.is(offset('2015-06-30T23:59:59Z'), 35);
  assert.is(offset('1999-01-01T00:00:00Z'), 32);
  assert.is(offset('1972-01-01T00:00:00Z'), 10);
  assert.is(leapAt(LIST, unix('1971-12-31T23:59:59Z')), null);
});

test('leap61 for the 12 hours before, both boundaries', () => {
  const flags = (s: number) => {
    const leap = leapAt(LIST, LEAP_2017 + s);
    return [leap?.leap59, leap?.leap61];
  };
  assert.equal(flags(-43_201), [false, false]);
  assert.equal(flags(-43_200), [false, true]);
  assert.equal(flags(-1), [false, true]);
  assert.equal(flags(0), [false, false]);
});

test('a second left out: leap59 before, one less after', () => {
  const { fromUnixS } = NEGATIVE.steps.at(-1) ?? { fromUnixS: 0 };
  const leap = (s: number) => leapAt(NEGATIVE, fromUnixS + s);
  assert.equal(leap(-1), { currentUtcOffset: 37, leap59: true, leap61: false, isExpired: false });
  assert.equal(leap(0), { currentUtcOffset: 36, leap59: false, leap61: false, isExpired: false });
});

test('an expired list says so, from the second of its expiry', () => {
  assert.is(leapAt(LIST, EXPIRY - 1)?.isExpired, false);
  assert.is(leapAt(LIST, EXPIRY)?.isExpired, true);
  assert.is(leapAt(LIST, EXPIRY)?.currentUtcOffset, 37);
});

/** Five TAI seconds from `fromTaiS` on, as text. */
const row = (table: LeapTable, fromTaiS: number) =>
  [0, 1, 2, 3, 4].map((i) => {
    const { unixS, isLeapSecond } = utcOfTai(table, fromTaiS + i);
    const text = new Date(unixS * 1000).toISOString().slice(11, 19);
    return isLeapSecond ? `${text}+` : text;
  });

test('TAI seconds around an inserted second: 23:59:60 repeats 23:59:59 and says so', () => {
  assert.equal(row(LIST, LEAP_2017 + 36 - 2), [
    '23:59:58',
    '23:59:59',
    '23:59:59+',
    '00:00:00',
    '00:00:01',
  ]);
});

test('TAI seconds around a second left out: 23:59:59 never comes', () => {
  const midnight = NEGATIVE.steps.at(-1)?.fromUnixS ?? 0;
  assert.equal(row(NEGATIVE, midnight + 37 - 3), [
    '23:59:57',
    '23:59:58',
    '00:00:00',
    '00:00:01',
    '00:00:02',
  ]);
});

test('TAI to UTC and back is the same second but in the inserted one', () => {
  for (const table of [LIST, NEGATIVE]) {
    for (const { fromUnixS, taiMinusUtcS } of table.steps) {
      for (let s = -5; s <= 5; s++) {
        const taiS = fromUnixS + taiMinusUtcS + s;
        const { unixS, isLeapSecond } = utcOfTai(table, taiS);
        if (fromUnixS === table.steps[0]?.fromUnixS && s < 0) continue; // no leap, no offset
        assert.is(taiOfUtc(table, unixS), isLeapSecond ? taiS - 1 : taiS, `${fromUnixS} ${s}`);
      }
    }
  }
  assert.is(nextStep(LIST, LEAP_2017 - 1)?.taiMinusUtcS, 37);
  assert.is(nextStep(LIST, LEAP_2017), null);
});

// --- what a master says ------------------------------------------------------------------------

const SOURCE = { timeSource: 0x50, timeTraceable: false, frequencyTraceable: false };
const NOW = unix('2026-01-15T12:00:00Z');

test('with a current list a master serves TAI: UTC + 37', () => {
  const { properties, problem } = ownTime(LIST, NOW, SOURCE);
  assert.is(problem, null);
  assert.equal(properties, {
    ...SOURCE,
    currentUtcOffset: 37,
    currentUtcOffsetValid: true,
    leap59: false,
    leap61: false,
    ptpTimescale: true,
    synchronizationUncertain: false,
  });
  assert.is(servedSecond(properties, NOW), NOW + 37);
});

test('on the day of a leap second it says so, and its PTP seconds do not stop', () => {
  const at = (s: number) => ownTime(LIST, LEAP_2017 + s, SOURCE).properties;
  assert.is(at(-1).leap61, true);
  assert.is(servedSecond(at(-1), LEAP_2017 - 1), LEAP_2017 + 35);
  assert.is(servedSecond(at(0), LEAP_2017), LEAP_2017 + 37, 'one PTP second between was 23:59:60');
});

test('without a current list it serves UTC as ARB, and says why (EP-064)', () => {
  const cases: [LeapTable | null, number, RegExp][] = [
    [null, NOW, /no list/],
    [LIST, EXPIRY, /expired on 2026-06-28/],
    [LIST, 0, /before the leap seconds list/],
  ];
  for (const [table, unixS, words] of cases) {
    const { properties, problem } = ownTime(table, unixS, SOURCE);
    assert.match(problem ?? '', words);
    assert.is(properties.ptpTimescale, false);
    assert.is(properties.currentUtcOffsetValid, false);
    assert.is(properties.timeSource, 0x50);
    assert.is(servedSecond(properties, unixS), unixS);
  }
  assert.is(ownTime(LIST, EXPIRY - 1, SOURCE).problem, null);
});

// --- what a slave makes of it ------------------------------------------------------------------

const tai = (over: Partial<TimePropertiesDS> = {}): TimePropertiesDS => ({
  ...UNKNOWN_TIME,
  ptpTimescale: true,
  currentUtcOffsetValid: true,
  currentUtcOffset: 37,
  ...over,
});
const plan = (found: UtcPlan | null): UtcPlan => {
  if (found === null) throw new Error('no plan');
  return found;
};
const utc = (found: UtcPlan, ptpS: number) => utcOfPtp(found, ptpS).unixS;

test('TAI with a valid offset: 37 less', () => {
  const found = plan(planUtc(null, tai(), NOW + 37));
  assert.equal(found, { offsetS: 37, from: 'announced', change: null });
  assert.equal(utcOfPtp(found, NOW + 37), { unixS: NOW, isLeapSecond: false });
  assert.is(ptpOfUtc(found, NOW), NOW + 37);
});

test('ARB of stock masters is UTC: nothing is taken off, though they announce 37 (WIRE §2.10)', () => {
  const ptp4l = { ...UNKNOWN_TIME, currentUtcOffset: 37 };
  const misled = { ...ptp4l, currentUtcOffsetValid: true, leap61: true };
  for (const properties of [ptp4l, UNKNOWN_TIME, misled]) {
    const found = plan(planUtc(null, properties, NOW, LIST));
    assert.equal(found, { offsetS: 0, from: 'arbitrary', change: null });
    assert.is(utc(found, NOW), NOW);
  }
});

test('TAI without a valid offset: the own list knows, or nobody', () => {
  const unsure = tai({ currentUtcOffsetValid: false, currentUtcOffset: 0 });
  assert.is(planUtc(null, unsure, NOW + 37), null);
  const found = plan(planUtc(null, unsure, NOW + 37, LIST));
  assert.equal(found, { offsetS: 37, from: 'own-list', change: null });
  assert.is(planUtc(null, unsure, EXPIRY + 37, LIST), null, 'expired');
  assert.is.not(planUtc(null, unsure, EXPIRY + 36, LIST), null);
  const before = plan(planUtc(null, unsure, LEAP_2017, LIST));
  assert.equal(before.change, { atPtpS: LEAP_2017 + 37, offsetS: 37 });
});

test('offsets of −1 and 0 are numbers like others', () => {
  for (const currentUtcOffset of [-1, 0, 1]) {
    const found = plan(planUtc(null, tai({ currentUtcOffset }), NOW));
    assert.is(utc(found, NOW), NOW - currentUtcOffset);
    assert.is(ptpOfUtc(found, utc(found, NOW)), NOW);
    assert.is(servedSecond(tai({ currentUtcOffset }), NOW), NOW + currentUtcOffset);
  }
  const over = plan(planUtc(null, tai({ currentUtcOffset: 0, leap59: true }), NOW));
  const midnight = unix('2026-01-16T00:00:00Z');
  assert.equal(over.change, { atPtpS: midnight - 1, offsetS: -1 }, '0 − 1 = −1');
  assert.is(utc(over, midnight - 2), midnight - 2);
  assert.is(utc(over, midnight - 1), midnight, '23:59:59 never comes');
  const under = plan(planUtc(null, tai({ currentUtcOffset: -1, leap61: true }), NOW));
  assert.equal(under.change, { atPtpS: midnight, offsetS: 0 }, '−1 + 1 = 0');
  assert.equal(utcOfPtp(under, midnight - 1), { unixS: midnight - 1, isLeapSecond: true });
});

test('a slave passes a leap second on the flags alone, exactly as the list has it', () => {
  const leap61 = tai({ currentUtcOffset: 36, leap61: true });
  for (const heardBeforeS of [43_200, 3600, 1]) {
    const found = plan(planUtc(null, leap61, LEAP_2017 + 36 - heardBeforeS));
    for (let s = -5; s <= 5; s++) {
      const ptpS = LEAP_2017 + 36 + s;
      assert.equal(utcOfPtp(found, ptpS), utcOfTai(LIST, ptpS), `${s}`);
    }
    for (let s = -5; s <= 5; s++) {
      assert.is(ptpOfUtc(found, LEAP_2017 + s), taiOfUtc(LIST, LEAP_2017 + s), `${s}`);
    }
  }
  const midnight = NEGATIVE.steps.at(-1)?.fromUnixS ?? 0;
  const found = plan(planUtc(null, tai({ leap59: true }), midnight));
  for (let s = -5; s <= 5; s++) {
    const ptpS = midnight + 36 + s;
    assert.equal(utcOfPtp(found, ptpS), utcOfTai(NEGATIVE, ptpS), `${s}`);
  }
});

test('Announces over a leap second, prompt or late: UTC is right at every second', () => {
  const first = LEAP_2017 + 36; // the PTP second of 23:59:60
  for (const lagS of [0, 1, 2, 4, 30]) {
    let found: UtcPlan | null = null;
    for (let ptpS = first - 100; ptpS < first + 100; ptpS++) {
      const isOld = ptpS < first + 1 + lagS;
      const properties = isOld ? tai({ currentUtcOffset: 36, leap61: true }) : tai();
      found = planUtc(found, properties, ptpS);
      assert.equal(utcOfPtp(plan(found), ptpS), utcOfTai(LIST, ptpS), `${lagS}: ${ptpS - first}`);
    }
    assert.equal(found, { offsetS: 37, from: 'announced', change: null });
  }
});

test('a master that takes its flag back is believed, one that never follows it too, in the end', () => {
  const flagged = tai({ currentUtcOffset: 36, leap61: true });
  const first = LEAP_2017 + 36;
  const before = planUtc(null, flagged, first - 100);
  const back = plan(planUtc(before, tai({ currentUtcOffset: 36 }), first - 50));
  assert.equal(back, { offsetS: 36, from: 'announced', change: null });
  assert.is(plan(planUtc(before, flagged, first + 60)).offsetS, 36);
  assert.equal(planUtc(before, flagged, first + 60), before, 'the last second of patience');
  const stubborn = plan(planUtc(before, flagged, first + 61));
  assert.is(utc(stubborn, first + 61), first + 61 - 36);
});

test('both flags at once mean nothing', () => {
  const found = plan(planUtc(null, tai({ leap59: true, leap61: true }), NOW));
  assert.is(found.change, null);
});

test.run();
