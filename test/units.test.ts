import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { stamp, stampSpan, tick, tickAfter, tickSpan } from '../src/units.ts';

const test = suite('units');

test('a tick 1.5 s later is 1.5e9 ns later', () => {
  const later = tickAfter(tick(10), 1.5);
  assert.is(later, 1_500_000_010);
  assert.is(tickSpan(tick(10), later), 1.5);
  assert.is(tickSpan(later, tick(10)), -1.5);
});

test('stamps one second apart span one second', () => {
  assert.is(stampSpan(stamp(5e9), stamp(6e9)), 1);
});

test.run();
