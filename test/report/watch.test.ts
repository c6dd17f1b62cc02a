/** Time to detect: from the event to the first word that something is wrong with the path. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PathState } from '../../src/core.ts';
import { createWatch } from '../../src/report/watch.ts';
import type { Mark } from '../../src/sim/trace.ts';

const test = suite('report watch');

const { POSITIVE_INFINITY } = Number;
const attack = (paths: readonly number[], fromS = 100, toS = POSITIVE_INFINITY): Mark => ({
  ...{ kind: 'attack', fromS, toS, paths },
});

/** Looks each second from 0 to 200 at what `stateOf` says. */
function detect(marks: readonly Mark[], stateOf: (path: number, at: number) => PathState) {
  const watch = createWatch(marks);
  for (let at = 0; at <= 200; at++) {
    if (watch.isOn(at)) watch.look(at, (path) => stateOf(path, at));
  }
  return watch.report();
}

test('a path that is no longer called good is detected, at that time', () => {
  for (const word of ['congested', 'quarantined', 'changed', 'stale'] as const) {
    assert.is(
      detect([attack([0])], (_, at) => (at < 130 ? 'good' : word)),
      30,
    );
  }
});

test('standby and warming are no verdicts, and silence is never', () => {
  for (const word of ['good', 'standby', 'warming'] as const) {
    assert.is(
      detect([attack([0])], (_, at) => (at < 130 ? 'good' : word)),
      POSITIVE_INFINITY,
    );
  }
});

test('of several paths the last one counts', () => {
  const told: PathState[] = ['changed', 'quarantined'];
  assert.is(
    detect([attack([0, 1])], (path, at) =>
      at < 120 + 40 * path ? 'good' : (told[path] ?? 'good'),
    ),
    60,
  );
  assert.is(
    detect([attack([0, 1])], (path) => (path === 0 ? 'changed' : 'good')),
    POSITIVE_INFINITY,
  );
});

test('a path that was in trouble all along has told nothing, until it says something else', () => {
  assert.is(
    detect([attack([0])], () => 'congested'),
    POSITIVE_INFINITY,
  );
  assert.is(
    detect([attack([0])], (_, at) => (at < 150 ? 'congested' : 'changed')),
    50,
  );
});

test('noticed after it is over is not noticed', () => {
  assert.is(
    detect([attack([0], 100, 120)], (_, at) => (at < 130 ? 'good' : 'changed')),
    POSITIVE_INFINITY,
  );
});

test('nothing to detect: null; the next event is known beforehand', () => {
  assert.is(
    detect([], () => 'good'),
    null,
  );
  assert.is(
    detect([{ kind: 'step', fromS: 100, toS: POSITIVE_INFINITY, paths: [] }], () => 'good'),
    null,
  );
  const watch = createWatch([attack([0], 100), attack([1], 50)]);
  assert.is(watch.nextS(0), 50);
  assert.is(watch.nextS(50), 100);
  assert.is(watch.nextS(100), POSITIVE_INFINITY);
  assert.is(watch.isOn(49), false);
  assert.is(watch.isOn(50), true);
});

test.run();
