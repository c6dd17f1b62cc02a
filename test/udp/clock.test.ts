import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClockSources, makeClock } from '../../src/udp/clock.ts';
import { stampSpan } from '../../src/units.ts';

const test = suite('clock');

const ORIGIN_MS = 1_763_690_000_123.25;

/** A machine whose clock can be stepped and whose every reading takes 200 ns. */
class Machine {
  /** True elapsed time (ns). */
  elapsedNs = 0;
  /** System clock minus (origin + elapsed), ns. */
  wallErrorNs = 0;
  /** The next readings of the system's clock are followed by pauses of these lengths (ns). */
  stallsNs: number[] = [];

  /** Whole and fractional ns apart, so that this fake is exact where a double of Unix ns is not. */
  wallNs(): bigint {
    this.elapsedNs += 200;
    const ns = 250_000 + this.elapsedNs + this.wallErrorNs;
    this.elapsedNs += this.stallsNs.shift() ?? 0;
    return BigInt(Math.floor(ORIGIN_MS)) * 1_000_000n + BigInt(Math.floor(ns));
  }

  sources(withWall: boolean, originErrorMs = 0): ClockSources {
    const sources: ClockSources = {
      originMs: ORIGIN_MS + originErrorMs,
      elapsedMs: () => {
        this.elapsedNs += 200;
        return this.elapsedNs / 1e6;
      },
      dateMs: () => Number(this.wallNs() / 1_000_000n),
    };
    return withWall ? { ...sources, wallNs: () => this.wallNs() } : sources;
  }

  /** Local clock minus system clock (ns), readings 200 ns apart. */
  errorNs(clock: ReturnType<typeof makeClock>): number {
    const nowNs = clock.now();
    return nowNs - Number(this.wallNs() - BigInt(clock.epochS) * 1_000_000_000n);
  }
}

const KINDS = [
  { kind: 'Date.now', withWall: false },
  { kind: 'Temporal', withWall: true },
];

test('without a ns clock the origin counts, to the ns', () => {
  const machine = new Machine();
  const clock = makeClock(machine.sources(false));
  machine.elapsedNs = 1_000_000_801; // the reading itself adds 200
  assert.is(clock.epochS, 1_763_690_000);
  assert.is(Math.round(clock.now()), 123_250_000 + 1_000_001_001);
  assert.is(Math.round(clock.tick()), 1_000_001_201);
});

test('after 100 days readings still differ by single ns', () => {
  const machine = new Machine();
  const clock = makeClock(machine.sources(false));
  machine.elapsedNs = 100 * 86400e9;
  const first = clock.now();
  machine.elapsedNs += 7;
  assert.ok(Math.abs(clock.now() - first - 207) <= 2);
});

test("an origin that is off by little is not believed: the system's clock is seen ticking over", () => {
  for (const { withWall } of KINDS) {
    for (const originErrorMs of [-1.2, -0.006, 0.006, 1.2]) {
      const machine = new Machine();
      const clock = makeClock(machine.sources(withWall, originErrorMs));
      assert.ok(Math.abs(machine.errorNs(clock)) < 1000, `${originErrorMs}`);
      assert.is(clock.check(), 0);
    }
  }
});

test('the tick is seen several times and the tightest sight counts', () => {
  for (let stalled = 1; stalled < 40; stalled++) {
    const machine = new Machine();
    machine.stallsNs = Array.from({ length: stalled }, () => 50_000); // then quick again
    const clock = makeClock(machine.sources(false, 0.006));
    assert.ok(Math.abs(machine.errorNs(clock)) < 1000, `${stalled}`);
  }
});

test('a clock stepped before the start is found right at the start', () => {
  for (const { withWall } of KINDS) {
    for (const wallErrorNs of [-3600e9, -4e6, 4e6, 3600e9]) {
      const machine = new Machine();
      machine.wallErrorNs = wallErrorNs;
      const clock = makeClock(machine.sources(withWall));
      assert.ok(Math.abs(machine.errorNs(clock)) < 2000);
      assert.is(clock.check(), 0);
    }
  }
});

for (const { kind, withWall } of KINDS) {
  test(`${kind}: a step either way is seen once and followed`, () => {
    for (const stepNs of [-86400e9, -5e6, -1.7e6, 1.7e6, 5e6, 86400e9]) {
      for (let phase = 0; phase < 20; phase++) {
        const machine = new Machine();
        const clock = makeClock(machine.sources(withWall));
        machine.elapsedNs += 1e9 + phase * 50_000;
        assert.is(clock.check(), 0);
        const { epochS } = clock;
        const tickBefore = clock.tick();
        machine.wallErrorNs += stepNs;
        const before = clock.now();
        const byS = clock.check();
        assert.ok(Math.abs(byS * 1e9 - stepNs) < 2000, `${stepNs} ns became ${byS} s`);
        assert.ok(Math.abs(machine.errorNs(clock)) < 2000);
        assert.ok(Math.abs(stampSpan(before, clock.now()) - byS) < 0.01);
        assert.ok(clock.tick() >= tickBefore && clock.tick() - tickBefore < 10e6);
        for (let second = 0; second < 3; second++) {
          machine.elapsedNs += 1e9 + 12_345;
          assert.is(clock.check(), 0);
        }
        assert.is(clock.epochS, epochS);
      }
    }
  });

  test(`${kind}: nearer than the limit is no step, in any phase of the millisecond`, () => {
    for (const wallErrorNs of [-1.45e6, -0.9e6, -0.1e6, 0, 0.1e6, 0.9e6, 1.45e6]) {
      const machine = new Machine();
      const clock = makeClock(machine.sources(withWall));
      machine.wallErrorNs = wallErrorNs;
      for (let phase = 0; phase < 200; phase++) {
        machine.elapsedNs += 1e9 + 5_003;
        assert.is(clock.check(), 0);
      }
    }
  });

  test(`${kind}: small steps are followed when they have added up`, () => {
    const machine = new Machine();
    const clock = makeClock(machine.sources(withWall));
    const seen: number[] = [];
    for (let second = 0; second < 4; second++) {
      machine.wallErrorNs += 0.6e6;
      machine.elapsedNs += 1e9 + 77_777;
      const byS = clock.check();
      if (byS !== 0) seen.push(Math.round(byS * 1e4) / 10);
    }
    assert.equal(seen, [1.8]);
  });

  test(`${kind}: being preempted in the middle of a reading is no step`, () => {
    const machine = new Machine();
    const clock = makeClock(machine.sources(withWall));
    for (let phase = 0; phase < 200; phase++) {
      machine.elapsedNs += 1e9 + 5_003;
      machine.stallsNs = [20e6];
      assert.is(clock.check(), 0);
    }
  });
}

test('the real clock agrees with Date.now, moves in steps below 100 us and is not stepped', () => {
  const clock = makeClock();
  assert.ok(Number.isInteger(clock.epochS));
  const beforeMs = Date.now();
  const nowMs = clock.epochS * 1000 + clock.now() / 1e6;
  const afterMs = Date.now();
  assert.ok(nowMs > beforeMs - 2 && nowMs < afterMs + 3);
  let smallestNs = Number.POSITIVE_INFINITY;
  let last = clock.now();
  for (let turn = 0; turn < 10_000; turn++) {
    const next = clock.now();
    assert.ok(next >= last);
    if (next > last) smallestNs = Math.min(smallestNs, next - last);
    last = next;
  }
  assert.ok(smallestNs < 100_000, `smallest step ${smallestNs} ns`);
  assert.is(clock.check(), 0);
});

test.run();
