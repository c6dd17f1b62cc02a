import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Departures, makeDepartures } from '../../src/udp/linux/departures.ts';
import { stamp } from '../../src/units.ts';

const test = suite('departures');

/** Departures whose tellings are written down as `name kind ns`. */
function watched() {
  const told: string[] = [];
  const departures: Departures = makeDepartures();
  const add = (name: string, userNs: number, nowMs: number, then = () => {}) =>
    departures.add(stamp(userNs), nowMs, (at, kind) => {
      told.push(`${name} ${kind} ${at}`);
      then();
    });
  return { departures, told, add, drain: () => told.splice(0) };
}

test('each is told once, by the number the kernel gave it, with the kernel’s stamp', () => {
  const { departures, add, drain } = watched();
  for (const [n, name] of ['a', 'b', 'c'].entries()) add(name, 1000 * n, 0);
  departures.stamped(1, stamp(1500));
  departures.stamped(1, stamp(1600));
  assert.equal(drain(), ['b kernel 1500']);
  assert.ok(departures.settle(4.9));
  assert.equal(drain(), []);
  departures.stamped(0, stamp(900));
  departures.stamped(2, stamp(2100));
  assert.equal(drain(), ['a kernel 900', 'c kernel 2100']);
  assert.not(departures.settle(100));
  assert.equal(departures.counts, { kernel: 3, user: 0 });
});

test('who has waited for some ms is told the user’s stamp, and not again when the kernel’s comes', () => {
  const { departures, add, drain } = watched();
  add('a', 1000, 0);
  add('b', 5e6, 4);
  assert.ok(departures.settle(5));
  assert.equal(drain(), ['a user 1000']);
  departures.stamped(0, stamp(1500));
  departures.stamped(1, stamp(5.1e6));
  assert.equal(drain(), ['b kernel 5100000']);
  assert.equal(departures.counts, { kernel: 1, user: 1 });
});

test('a kernel’s stamp from before the call, or a second after it, is another’s', () => {
  const { departures, add, drain } = watched();
  add('early', 100_000, 0);
  add('slack', 100_000, 0);
  add('late', 100_000, 0);
  departures.stamped(0, stamp(90_000));
  departures.stamped(1, stamp(99_000)); // two clocks, read in turn
  departures.stamped(2, stamp(1.1e9));
  assert.equal(drain(), ['early user 100000', 'slack kernel 99000', 'late user 100000']);
});

test('numbers begin again after a restart; who waited is told, and may send at once', () => {
  const { departures, add, drain } = watched();
  add('a', 0, 0);
  add('b', 1, 0, () => add('d', 3, 0));
  add('c', 2, 0);
  departures.restart();
  assert.equal(drain(), ['a user 0', 'b user 1', 'c user 2']);
  departures.stamped(0, stamp(7));
  assert.equal(drain(), ['d kernel 7']);
});

test('where stamps never come nobody waits any more, until one does', () => {
  const { departures, add, drain } = watched();
  for (let n = 0; n < 8; n++) add(`${n}`, n, 0);
  departures.settle(10);
  assert.is(drain().length, 8);
  add('hopeless', 8, 10);
  assert.equal(drain(), ['hopeless user 8']);
  assert.not(departures.isAwaiting);
  departures.stamped(8, stamp(9)); // late, but it came
  add('hopeful', 9, 10);
  assert.ok(departures.isAwaiting);
  departures.stamped(9, stamp(10));
  assert.equal(drain(), ['hopeful kernel 10']);
});

test.run();
