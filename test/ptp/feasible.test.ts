/** Who may have a grandmaster from ourselves. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isFeasible, noteFollowed } from '../../src/ptp/feasible.ts';
import { tick } from '../../src/units.ts';
import { announce } from './announce.ts';

const test = suite('ptp boundary clock: echoes');

const S = 1e9;
const G = '0a0000.fffe.000001';
const of = (grandmasterIdentity: string, stepsRemoved: number) =>
  announce({ grandmasterIdentity, stepsRemoved });

test('at our distance, or nearer, nobody has it from us; farther away somebody may', () => {
  const followed = noteFollowed([], of(G, 2), 4 * S, S, tick(0)); // we are 3 steps away
  assert.ok(isFeasible(followed, of(G, 0), tick(S)));
  assert.ok(isFeasible(followed, of(G, 3), tick(S)));
  assert.not.ok(isFeasible(followed, of(G, 4), tick(S)));
  assert.ok(isFeasible(followed, of('0a0000.fffe.000002', 4), tick(S)), 'another grandmaster');
});

test('after the receipt timeout and five intervals it is forgotten', () => {
  const followed = noteFollowed([], of(G, 2), 4 * S, S, tick(0));
  assert.not.ok(isFeasible(followed, of(G, 9), tick(8.9 * S)));
  assert.ok(isFeasible(followed, of(G, 9), tick(9 * S)));
});

test('the newest distance of each of the last eight counts', () => {
  let followed = noteFollowed([], of(G, 2), 4 * S, S, tick(0));
  followed = noteFollowed(followed, of(G, 5), 4 * S, S, tick(S));
  assert.is(followed.length, 1);
  assert.ok(isFeasible(followed, of(G, 6), tick(2 * S)));
  for (let n = 0; n < 9; n++) {
    const other = `0b0000.fffe.00000${n}`;
    followed = noteFollowed(followed, of(other, 0), 4 * S, S, tick(2 * S));
  }
  assert.is(followed.length, 8);
  assert.ok(isFeasible(followed, of(G, 99), tick(3 * S)));
  followed = noteFollowed(followed, of(G, 0), 4 * S, S, tick(99 * S));
  assert.is(followed.length, 1);
});

test.run();
