/** The list of this machine, if it has one, against tzdata's other form of the same facts. */
import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseLeapSeconds } from '../../src/ptp/leapseconds.ts';

const test = suite('ptp leap seconds file');
const LIST = '/usr/share/zoneinfo/leap-seconds.list';
const OTHER = '/usr/share/zoneinfo/leapseconds';

test('the list of this machine, if it has one, holds the leap seconds up to 2017', () => {
  if (!existsSync(LIST)) return;
  const { steps, expiresUnixS, updatedUnixS } = parseLeapSeconds(readFileSync(LIST, 'utf8'), LIST);
  assert.ok(steps.length >= 28);
  assert.equal(steps[27], { fromUnixS: Date.UTC(2017, 0, 1) / 1000, taiMinusUtcS: 37 });
  assert.ok(expiresUnixS > (updatedUnixS ?? Number.POSITIVE_INFINITY));
});

test('it agrees with the zic form of the same list, leap second by leap second', () => {
  if (!existsSync(LIST) || !existsSync(OTHER)) return;
  const { steps } = parseLeapSeconds(readFileSync(LIST, 'utf8'), LIST);
  const lines = readFileSync(OTHER, 'utf8').matchAll(
    /^Leap\s+(\S+)\s+(\S+)\s+(\S+)\s+\S+\s+([+-])/gm,
  );
  let taiMinusUtcS = 10;
  const others = [...lines].map(([, year, month, day, sign]) => {
    taiMinusUtcS += sign === '+' ? 1 : -1;
    const midnight = Date.parse(`${day} ${month} ${year} 00:00:00 GMT`) / 1000 + 86_400;
    return { fromUnixS: midnight, taiMinusUtcS };
  });
  assert.equal(steps.slice(1), others);
});

test.run();
