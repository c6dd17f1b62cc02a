/**
 * More paths than braid's joint filter has seats (16): the others follow, and take over when the
 * seated ones die or prove blunt. Worlds of our own seeds.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Core, createCore } from '../../src/core.ts';
import { expo, law } from '../sim/scenarios.ts';
import { type Exchange, simulate, type WorldPath, writeExchange } from '../sim/world.ts';

const test = suite('braid seats');
const SEATS = 16;

const queueing = (meanS: number): WorldPath => ({
  reverse: law(expo(meanS)),
  forward: law(expo(meanS)),
});
const many = (count: number, meanS: number) => Array.from({ length: count }, () => queueing(meanS));

function opened(paths: number): Core {
  const core = createCore({ combiner: 'braid' });
  for (let path = 0; path < paths; path++) core.openPath();
  return core;
}

/** Root mean square error from `fromS` on, s; exchanges that `keep` refuses are lost on the way. */
function rms(core: Core, run: readonly Exchange[], fromS: number, keep = (_: Exchange) => true) {
  let sum = 0;
  let count = 0;
  const start = run[0]?.at ?? 0;
  for (const exchange of run) {
    if (!keep(exchange)) continue;
    writeExchange(core, 0, exchange);
    core.ingest(1);
    if (exchange.at - start < fromS) continue;
    sum += (core.result(0).offsetS - exchange.truth) ** 2;
    count++;
  }
  assert.ok(count > 100, `${count} scored`);
  return Math.sqrt(sum / count);
}

test('sixteen poor paths that came first do not keep eight good ones out', () => {
  const mixed = simulate(
    { paths: [...many(SEATS, 10e-3), ...many(8, 1e-3)], pollS: 1, durationS: 3600 },
    31,
  );
  const poor = simulate({ paths: many(SEATS, 10e-3), pollS: 1, durationS: 3600 }, 31);
  const withGood = rms(opened(SEATS + 8), mixed, 1800);
  const without = rms(opened(SEATS), poor, 1800);
  assert.ok(withGood < 5e-6, `${withGood} s with the good ones`);
  assert.ok(withGood < without / 2, `${without} s without`);
});

test('followers carry the clock when every seated path dies at once, without a jump', () => {
  const run = simulate({ paths: many(SEATS + 6, 1e-3), pollS: 1, durationS: 3000 }, 32);
  const start = run[0]?.at ?? 0;
  const core = opened(SEATS + 6);
  const error = rms(core, run, 1500, ({ path, at }) => path >= SEATS || at - start < 1500);
  assert.ok(error < 6e-6, `${error} s`);
  const carrying = Array.from({ length: 6 }, (_, n) => core.path(SEATS + n).weight);
  assert.ok(
    carrying.every((weight) => weight > 0.1),
    `weights ${carrying}`,
  );
});

test('a seat that is given up keeps its floor: the path returns without harm', () => {
  const run = simulate({ paths: many(SEATS + 4, 1e-3), pollS: 1, durationS: 3600 }, 33);
  const start = run[0]?.at ?? 0;
  const core = opened(SEATS + 4);
  const isAway = (at: number) => at - start > 1200 && at - start < 2000;
  const error = rms(core, run, 1200, ({ path, at }) => path >= 8 || !isAway(at));
  assert.ok(error < 4e-6, `${error} s`);
  for (let path = 0; path < 8; path++) assert.is(core.path(path).state, 'good');
});

test('a closed path frees its seat for the next one', () => {
  const run = simulate({ paths: many(SEATS, 1e-3), pollS: 1, durationS: 900 }, 34);
  const core = opened(SEATS);
  rms(core, run, 600);
  for (let path = 0; path < SEATS; path++) {
    core.closePath(path);
    assert.is(core.openPath(), path);
  }
  const again = simulate({ paths: many(SEATS, 1e-3), pollS: 1, durationS: 3600 }, 34).filter(
    ({ at }) => at - (run[0]?.at ?? 0) > 900,
  );
  const error = rms(core, again, 900);
  assert.ok(error < 3e-6, `${error} s`);
});

test('256 paths are taken, none more', () => {
  const core = opened(256);
  assert.throws(
    () => core.openPath(),
    (error: unknown) => /all 256 paths/.test(String(error)),
  );
  const run = simulate({ paths: many(256, 1e-3), pollS: 1, durationS: 120 }, 35);
  assert.ok(rms(core, run, 60) < 20e-6);
});

test.run();
