/**
 * The time that a boundary clock serves: its host's clock is wrong and drifts, and nobody steers
 * it. Cores measure, as in the library.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { createEnsemble, type Ensemble } from '../../src/ensemble.ts';
import { tellEstimate } from '../../src/ptp/boundary.ts';
import { servedAt } from '../../src/ptp/served.ts';
import { stamp } from '../../src/units.ts';
import {
  addBoundary,
  addClock,
  clockOf,
  createWorld,
  type Host,
  PORT,
  perform,
  portTexts,
  run,
  stepOf,
  type World,
} from './clockrig.ts';
import { ARB, EPOCH_NS, EPOCH_S, TAI } from './slaverig.ts';

const test = suite('ptp boundary clock: time');

const MS = 1e6;
/** Within half a minute or so the filters are as good as this. (ns) */
const SOON_NS = 20_000;
const lan = (net: number, host: number) => `10.${net}.0.${host}`;
const plain = (ip: string, more: object = {}) =>
  ({ mode: 'plain', addresses: [ip], ...more }) as const;

/** Hosts measure from now on. @returns what each makes of it */
function measure(world: World): Map<Host, Ensemble> {
  const ensembles = new Map<Host, Ensemble>();
  world.onOutput = (host, output) => {
    const ensemble = ensembles.get(host) ?? createEnsemble([createCore()], EPOCH_S);
    ensembles.set(host, ensemble);
    if (output.type === 'path' && output.event === 'added') ensemble.open(output.path);
    if (output.type === 'path' && output.event === 'removed') ensemble.close(output.path);
    if (output.type !== 'oneway') return;
    const sample = ensemble.take(output);
    if (sample?.clock == null || host.boundary === null) return;
    const atNs = clockOf(host, world.nowNs);
    const at = ensemble.cores[0]?.clockAt(EPOCH_S, atNs);
    if (at == null) return;
    const { baseS, restS } = at;
    const { frequency } = sample.clock;
    tellEstimate(host.boundary, { atNs, baseS, restS, frequency });
  };
  return ensembles;
}

/** What a host believes of true time now, less the truth. (ns) */
function errorOf(world: World, host: Host, ensemble: Ensemble | undefined): number {
  const atNs = clockOf(host, world.nowNs);
  const at = ensemble?.cores[0]?.clockAt(EPOCH_S, atNs);
  if (at == null) throw new Error('nothing is known');
  return atNs + (at.baseS + at.restS) * 1e9 - world.nowNs;
}

function chain(world: World, own = TAI, aheadNs = 10 * MS, drift = 50e-6) {
  world.segmentOf = (ip) => ip.split('.').slice(0, 2).join('.');
  const top = addClock(world, plain(lan(1, 1), { role: 'master', own }));
  const middle = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 1))], {}, aheadNs, drift);
  const slave = addClock(world, plain(lan(2, 2), { role: 'slave' }), -3 * MS, -20e-6);
  return { top, middle, slave };
}

test('10 ms wrong and 50 ppm fast, yet the slave behind it is right', () => {
  const world = createWorld();
  const { middle, slave } = chain(world);
  const ensembles = measure(world);
  run(world, 20);
  assert.is(slave.clock.portDS.portState, 'SLAVE', portTexts(middle).join('\n'));
  const worst = (fromS: number, untilS: number) => {
    let most = 0;
    for (let s = fromS; s < untilS; s++) {
      run(world, s);
      most = Math.max(most, Math.abs(errorOf(world, slave, ensembles.get(slave))));
    }
    return most;
  };
  // Two filters in a row learn 50 and 20 ppm; what remains is theirs.
  const learning = worst(20, 150);
  assert.ok(learning < 20_000, `worst ${learning} ns`);
  const settled = worst(150, 220);
  assert.ok(settled < 3000, `worst ${settled} ns`);
  const frequency = ensembles.get(slave)?.cores[0]?.clock()?.frequency ?? 0;
  assert.ok(Math.abs(frequency - 20e-6) < 1e-7, `${frequency}`);
});

test('a month wrong: whole seconds and the rest keep the nanoseconds', () => {
  const world = createWorld();
  const { slave } = chain(world, TAI, 2.6e15, 0);
  const ensembles = measure(world);
  run(world, 40);
  const error = errorOf(world, slave, ensembles.get(slave));
  assert.ok(Math.abs(error) < SOON_NS, `${error} ns`);
});

test('masters of an arbitrary timescale are repeated as such, TAI as TAI', () => {
  for (const own of [ARB, TAI]) {
    const world = createWorld();
    const { middle, slave } = chain(world, own);
    const ensembles = measure(world);
    run(world, 60);
    assert.is(slave.clock.sets.timePropertiesDS.ptpTimescale, own.ptpTimescale);
    assert.is(slave.clock.sets.timePropertiesDS.currentUtcOffset, 37);
    const error = errorOf(world, slave, ensembles.get(slave));
    assert.ok(Math.abs(error) < SOON_NS, `${error} ns`);
    const { served, sets } = middle.clock.shared;
    const shown = servedAt(served, sets.timePropertiesDS, EPOCH_S, clockOf(middle, world.nowNs));
    const utcS = own.ptpTimescale ? 37 : 0;
    const ns = BigInt(shown.seconds - utcS) * 1_000_000_000n + BigInt(shown.nanoseconds);
    assert.ok(Math.abs(Number(ns - EPOCH_NS) - world.nowNs) < SOON_NS);
  }
});

test('origins and receipts of all ports lie on one line, whatever the local clock does (t1, t4)', () => {
  const world = createWorld();
  chain(world);
  measure(world);
  run(world, 220);
  const told = world.seen.flatMap(({ atS, from, message }) => {
    if (from !== lan(2, 1) || atS < 150) return [];
    if (message.type === 'Follow_Up') return [{ atS, time: message.preciseOriginTimestamp }];
    // 100 us on the way here
    return message.type === 'Delay_Resp' ? [{ atS, time: message.receiveTimestamp }] : [];
  });
  assert.ok(told.length > 200);
  let before: number | null = null;
  for (const { atS, time } of told) {
    const wholeS = Math.floor(atS);
    const seconds = time.seconds - 37 - EPOCH_S - wholeS;
    const errorNs = seconds * 1e9 + time.nanoseconds - (atS - wholeS) * 1e9;
    assert.ok(Math.abs(errorNs) < 1000, `${errorNs} ns at ${atS}`);
    // the local clock drifts 25000 ns in half a second
    assert.ok(Math.abs(errorNs - (before ?? errorNs)) < 150, `from ${before} to ${errorNs} ns`);
    before = errorNs;
  }
});

test('a step of the host’s clock is no step of the served time', () => {
  const world = createWorld();
  const { middle } = chain(world, TAI, 10 * MS, 0);
  measure(world);
  run(world, 40);
  const { served, sets } = middle.clock.shared;
  const at = clockOf(middle, world.nowNs);
  const before = servedAt(served, sets.timePropertiesDS, EPOCH_S, at);
  const input = { type: 'clock-step', byS: -7.25, nowNs: world.nowNs } as const;
  perform(world, middle, stepOf(middle, { ...input, byS: input.byS as never }));
  const after = servedAt(served, sets.timePropertiesDS, EPOCH_S, stamp(at - 7.25e9));
  assert.is(after.seconds, before.seconds);
  assert.ok(Math.abs(after.nanoseconds - before.nanoseconds) < 2);
});

test('its master lost, it is grandmaster and goes on with the time that it had', () => {
  const world = createWorld();
  const { top, middle, slave } = chain(world);
  const ensembles = measure(world);
  run(world, 60);
  top.isUp = false;
  run(world, 90);
  const { sets } = middle.clock;
  assert.is(sets.parentDS.grandmasterIdentity, sets.defaultDS.clockIdentity);
  assert.is(slave.clock.sets.parentDS.grandmasterIdentity, sets.defaultDS.clockIdentity);
  const error = errorOf(world, slave, ensembles.get(slave));
  assert.ok(Math.abs(error) < 100_000, `${error} ns after 30 s`);
});

test('one-step ports serve the same time', () => {
  const world = createWorld();
  world.segmentOf = (ip) => ip.split('.').slice(0, 2).join('.');
  addClock(world, plain(lan(1, 1), { role: 'master' }));
  const clock = { twoStepFlag: false };
  addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 1))], { clock }, 10 * MS, 50e-6);
  const slave = addClock(world, plain(lan(2, 2), { role: 'slave' }));
  const ensembles = measure(world);
  run(world, 40);
  const error = errorOf(world, slave, ensembles.get(slave));
  assert.ok(Math.abs(error) < SOON_NS, `${error} ns`);
});

test('peer to peer: answers of a port are told in served time', () => {
  const world = createWorld();
  world.segmentOf = (ip) => ip.split('.').slice(0, 2).join('.');
  addClock(world, plain(lan(1, 1), { role: 'master' }));
  const port = { ...PORT, logMinPdelayReqInterval: -1, delayMechanism: 2 } as const;
  const ports = [plain(lan(1, 2)), plain(lan(2, 1), { port })];
  addBoundary(world, ports, {}, 10 * MS, 50e-6);
  const slave = addClock(world, plain(lan(2, 2), { role: 'slave', port }));
  const ensembles = measure(world);
  run(world, 40);
  const error = errorOf(world, slave, ensembles.get(slave));
  assert.ok(Math.abs(error) < SOON_NS, `${error} ns`);
});

test('two boundary clocks in a row, both wrong', () => {
  const world = createWorld();
  world.segmentOf = (ip) => ip.split('.').slice(0, 2).join('.');
  addClock(world, plain(lan(1, 1), { role: 'master' }));
  addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 1))], {}, 10 * MS, 50e-6);
  addBoundary(world, [plain(lan(2, 2)), plain(lan(3, 1))], {}, -4 * MS, -30e-6);
  const slave = addClock(world, plain(lan(3, 2), { role: 'slave' }), MS);
  const ensembles = measure(world);
  run(world, 90);
  assert.is(slave.clock.sets.currentDS.stepsRemoved, 3);
  const error = errorOf(world, slave, ensembles.get(slave));
  assert.ok(Math.abs(error) < 2 * SOON_NS, `${error} ns`);
});

test.run();
