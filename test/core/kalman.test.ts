/**
 * The joint Kalman combiner against its dense TypeScript twin, step by step over random worlds.
 * They differ in rounding only: the core keeps blocks, steps of rank one and a form without
 * cancellation where the twin subtracts whole matrices, and their logarithms differ in the last bit.
 * Reached over 132000 steps: 6e-12 of the offset, 4e-10 of its uncertainty; worse only just after a
 * clock step, where the twin subtracts from 4·step² what differs in a part of 2^-52 of it.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Core } from '../../src/core.ts';
import { createRandom, type Random } from '../fuzz/random.ts';
import { expo, law } from '../sim/scenarios.ts';
import {
  type Exchange,
  simulate,
  type World,
  type WorldPath,
  writeExchange,
} from '../sim/world.ts';
import { createKalmanTwin, type KalmanTwin } from '../twin/kalman.ts';
import { openCore } from './rig.ts';

const test = suite('core kalman');

const COUNTS = [1, 2, 3, 4, 5, 6, 8, 11, 16, 33, 64] as const;

/** Largest relative differences seen. */
interface Worst {
  steps: number;
  offset: number;
  uncertainty: number;
  frequency: number;
  wander: number;
  /** Things the events of the worlds brought about, to know that they did. */
  readonly seen: Map<string, number>;
}

const newWorst = (): Worst => ({
  steps: 0,
  offset: 0,
  uncertainty: 0,
  frequency: 0,
  wander: 0,
  seen: new Map(),
});

function compare(core: Core, twin: KalmanTwin, exchange: Exchange, worst: Worst, name: string) {
  const { path, t1, t2, t3, t4, at } = exchange;
  writeExchange(core, 0, exchange);
  core.ingest(1);
  const status = core.result(0).status;
  const where = `${name} at ${at.toFixed(2)} s`;
  assert.is(status, twin.exchange(path, t1, t2, t3, t4), where);
  const [got, wanted] = [core.clock(), twin.clock()];
  if (got === null || wanted === null) return assert.unreachable(`${where}: no clock`);
  assert.is(got.baseS, wanted.baseS, where);
  assert.is(got.paths, wanted.paths, `${where}: paths with weight`);
  const scale = Math.max(Math.abs(wanted.restS), wanted.uncertaintyS);
  const offset = Math.abs(got.restS - wanted.restS) / scale;
  const uncertainty = Math.abs(got.uncertaintyS / wanted.uncertaintyS - 1);
  const frequencyScale = Math.max(Math.abs(wanted.frequency), wanted.frequencyUncertainty);
  const frequency = Math.abs(got.frequency - wanted.frequency) / frequencyScale;
  worst.steps++;
  worst.offset = Math.max(worst.offset, offset);
  worst.uncertainty = Math.max(worst.uncertainty, uncertainty);
  worst.frequency = Math.max(worst.frequency, frequency);
  worst.wander = Math.max(worst.wander, Math.abs(got.wander / wanted.wander - 1));
  if (!(offset < 1e-6 && uncertainty < 1e-6 && frequency < 1e-6)) {
    assert.unreachable(`${where}: offset ${offset}, uncertainty ${uncertainty}, ${frequency}`);
  }
  comparePath(core, twin, path, worst, where);
}

function comparePath(core: Core, twin: KalmanTwin, index: number, worst: Worst, where: string) {
  const [got, wanted] = [core.path(index), twin.path(index)];
  assert.is(got.state, wanted.state, `${where}: state of path ${index}`);
  worst.seen.set(got.state, (worst.seen.get(got.state) ?? 0) + 1);
  assert.is(got.taken, wanted.taken, where);
  assert.is(got.refused, wanted.refused, where);
  assert.is(got.gated, wanted.gated, where);
  assert.is(got.floorS, wanted.floorS, where);
  const pairs = [
    [got.excessS, wanted.excessS, 1e-9],
    [got.intervalS, wanted.intervalS, 1e-6],
    [got.jitterS, Math.sqrt(wanted.variance), 1e-9],
    [got.weight, wanted.weight, 1],
    [got.asymmetryS, wanted.asymmetryS, 1e-3],
  ] as const;
  pairs.forEach(([a, b, least], index) => {
    const close = Math.abs(a - b) <= 1e-7 * Math.max(Math.abs(b), least);
    if (!close) assert.unreachable(`${where}: figure ${index}: ${a}, twin ${b}`);
  });
}

const pick = (random: Random, ...from: readonly number[]): number =>
  from[random.below(from.length)] ?? 0;

/** One path with laws and at most one event of its own. */
function randomPath(random: Random, durationS: number): WorldPath {
  const baseS = pick(random, 50e-6, 1e-3, 5e-3, 80e-3);
  const jitterS = baseS * pick(random, 0.01, 0.1, 0.3);
  const fromS = durationS * (0.2 + 0.6 * (random.below(100) / 100));
  const event = random.below(6);
  const bySent = pick(random, 0.3, 1, 4) * baseS;
  const reverse = law(expo(jitterS), undefined, baseS, 1e-7);
  const dies = (at: number) => event === 0 && at >= fromS && at < fromS + durationS / 5;
  const forward = law(
    expo(jitterS),
    (at) => (event === 1 && at >= fromS ? bySent : event === 2 && at >= fromS ? jitterS * 5 : 0),
    baseS * pick(random, 1, 1, 1.1),
    1e-7,
  );
  return {
    reverse: (packet) => (dies(packet.at) ? Number.POSITIVE_INFINITY : reverse(packet)),
    forward,
  };
}

function randomWorld(seed: number): World {
  const random = createRandom(seed);
  const count = COUNTS[seed % COUNTS.length] ?? 1;
  const pollS = pick(random, 0.25, 1, 16);
  const durationS = Math.ceil((pollS * (count > 16 ? 2500 : 4500)) / count);
  const stepS = pick(random, 0, 0, 3e-3, -20e-3, -200);
  return {
    paths: Array.from({ length: count }, () => randomPath(random, durationS)),
    pollS,
    durationS,
    wanderPerS: pick(random, 1e-11, 1e-9, 1e-8),
    frequency: (random.below(200) - 100) * 1e-6,
    offsetS: (random.below(2000) - 1000) * pick(random, 1e-6, 1e-3, 1),
    steps: stepS === 0 ? [] : [{ atS: durationS / 2, byS: stepS }],
  };
}

/** A liar in every third world, repeated and disordered records in all. */
function bend(exchanges: Exchange[], seed: number): Exchange[] {
  const random = createRandom(seed + 1000);
  const lieNs = seed % 3 === 0 ? pick(random, 2e6, -50e6, 1e9) : 0;
  const fromS = pick(random, 0, 100, 500);
  return exchanges.flatMap((exchange) => {
    const lies = exchange.path === 1 && exchange.at >= fromS ? lieNs : 0;
    const told = { ...exchange, t2: exchange.t2 + lies, t3: exchange.t3 + lies };
    if (random.below(200) !== 0) return [told];
    const odd = [told, { ...told, t4: told.t1 - 1 }, { ...told, t3: told.t3 + 9e10 }];
    return [told, odd[random.below(3)] ?? told];
  });
}

test('agrees with the twin over 10^5 steps of random worlds with 1 to 64 paths', () => {
  const worst = newWorst();
  for (let seed = 0; seed < 33; seed++) {
    const world = randomWorld(seed);
    const core = openCore({ combiner: 'kalman' }, world.paths.length);
    const twin = createKalmanTwin();
    for (const _ of world.paths) twin.openPath();
    for (const exchange of bend(simulate(world, seed), seed)) {
      compare(core, twin, exchange, worst, `world ${seed}`);
    }
    world.paths.forEach((_, path) => {
      comparePath(core, twin, path, worst, `world ${seed}, end`);
    });
  }
  const { steps, offset, uncertainty, frequency, wander, seen } = worst;
  const figures = JSON.stringify({ steps, offset, uncertainty, frequency, wander });
  assert.ok(steps > 1e5, figures);
  assert.ok(offset < 1e-9 && uncertainty < 1e-9 && frequency < 1e-9, figures);
  assert.ok(wander < 1e-6, figures); // the exponential of a difference of long sums
  for (const state of ['warming', 'good', 'congested', 'quarantined', 'changed', 'stale']) {
    assert.ok((seen.get(state) ?? 0) > 0, `no path was ever ${state}`);
  }
});

test('agrees through steps of the local clock of 1 s and more, forwards and back', () => {
  const worst = newWorst();
  const delay = law(expo(1e-3));
  for (const [seed, byS] of [1, -1, 30, -30, 1e4, -1e4, 2e6].entries()) {
    const paths = Array.from({ length: 3 }, () => ({ reverse: delay, forward: delay }));
    const world = { paths, pollS: 1, durationS: 600, steps: [{ atS: 300, byS }] };
    const [core, twin] = [openCore({ combiner: 'kalman' }, 3), createKalmanTwin()];
    for (const _ of paths) twin.openPath();
    for (const exchange of simulate(world, seed)) compare(core, twin, exchange, worst, `${byS} s`);
  }
  const figures = JSON.stringify(worst);
  assert.ok(worst.offset < 1e-8 && worst.frequency < 1e-8, figures);
  assert.ok(worst.uncertainty < 1e-6, figures); // see the head of this file
});

test('agrees while paths are closed and opened again', () => {
  const worst = newWorst();
  const random = createRandom(77);
  const world = { ...randomWorld(6), steps: [] }; // 8 paths
  const count = world.paths.length;
  const [core, twin] = [openCore({ combiner: 'kalman' }, count), createKalmanTwin()];
  for (const _ of world.paths) twin.openPath();
  const open = new Set(world.paths.keys());
  let opened = 0;
  simulate(world, 3).forEach((exchange, index) => {
    if (index % 150 === 0) {
      const path = random.below(count);
      if (open.delete(path)) {
        core.closePath(path);
        twin.closePath(path);
      } else {
        const index = core.openPath();
        assert.is(index, twin.openPath());
        open.add(index);
        opened++;
      }
    }
    if (open.has(exchange.path)) compare(core, twin, exchange, worst, 'reopened');
  });
  const { steps, offset, uncertainty } = worst;
  const figures = JSON.stringify({ steps, opened, offset, uncertainty });
  assert.ok(steps > 1500 && opened > 3 && offset < 1e-9 && uncertainty < 1e-9, figures);
});

test.run();
