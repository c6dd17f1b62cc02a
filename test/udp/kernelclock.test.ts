/** The Linux host's clock over a C library whose clock can be stepped. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClockSources } from '../../src/udp/clock.ts';
import { makeKernelClock } from '../../src/udp/linux/clock.ts';
import type { Ffi } from '../../src/udp/linux/libc.ts';

const test = suite('kernel clock');

/** A machine in logical time: every look at a clock takes 100 ns. */
function makeMachine() {
  const machine = { monotonicNs: 5_000_000_000n, stepNs: 0n, stallNs: 0n };
  const start = 1_763_600_000_123_456_789n;
  const wall = () => {
    machine.monotonicNs += 100n;
    return start + machine.monotonicNs + machine.stepNs;
  };
  const libc = {
    clock_gettime(_clock: number, into: Uint8Array) {
      const view = new DataView(into.buffer);
      const shown = wall();
      view.setBigInt64(0, shown / 1_000_000_000n, true);
      view.setBigInt64(8, shown % 1_000_000_000n, true);
      machine.monotonicNs += machine.stallNs;
      return 0;
    },
  };
  const ffi = { name: 'fake', libc, addressOf: () => 0, errno: () => 0 } as unknown as Ffi;
  const sources: ClockSources = {
    originMs: Number(start / 1_000_000n),
    elapsedMs() {
      machine.monotonicNs += 100n;
      return Number(machine.monotonicNs) / 1e6;
    },
    dateMs: () => Number(wall() / 1_000_000n),
  };
  /** What the kernel would stamp now: Unix seconds and ns. */
  const kernel = () => {
    const shown = wall();
    return [Number(shown / 1_000_000_000n), Number(shown % 1_000_000_000n)] as const;
  };
  return { machine, kernel, clock: makeKernelClock(ffi, sources) };
}

test('kernel stamps and its own readings are on one scale', () => {
  const { kernel, clock } = makeMachine();
  for (let n = 0; n < 50; n++) {
    const [before, at, after] = [clock.now(), clock.stampOf(...kernel()), clock.now()];
    assert.ok(before < at && at < after, `${before} ${at} ${after}`);
  }
  assert.is(clock.check(), 0);
});

for (const stepS of [1, -1, 0.0002, -0.0002]) {
  test(`a step of ${stepS} s counts from check() on, for stamps of before and after it`, () => {
    const { machine, kernel, clock } = makeMachine();
    const old = kernel();
    const oldNs = clock.stampOf(...old);
    machine.monotonicNs += 4_000n;
    machine.stepNs += BigInt(Math.round(stepS * 1e9));
    const fresh = kernel();
    machine.monotonicNs += 4_000n;
    clock.look();
    assert.is(clock.stampOf(...old), oldNs);
    const spanNs = clock.stampOf(...fresh) - oldNs;
    assert.ok(Math.abs(spanNs - 4_100) < 300, `${spanNs}`); // as if there were no step
    assert.ok(Math.abs(clock.check() - stepS) < 1e-6);
    assert.is(clock.check(), 0);
    clock.look();
    const [before, at, after] = [clock.now(), clock.stampOf(...kernel()), clock.now()];
    assert.ok(before - 300 < at && at < after + 300, `${before} ${at} ${after}`);
  });
}

test('a look that was interrupted is no step', () => {
  const { machine, kernel, clock } = makeMachine();
  for (const stallNs of [1_000_000n, 50_000_000n]) {
    const raw = kernel();
    const at = clock.stampOf(...raw);
    machine.stallNs = stallNs;
    clock.look();
    machine.stallNs = 0n;
    assert.is(clock.stampOf(...raw), at);
    assert.is(clock.check(), 0);
  }
});

test.run();
