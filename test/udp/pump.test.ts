/** Pumps over the real C library: soon, fair, and quiet while something must wait. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { chooseHost, PUMPS } from '../../src/udp/choose.ts';
import { findFfi } from '../../src/udp/linux/host.ts';
import type { Ffi } from '../../src/udp/linux/libc.ts';
import { HELD, makePump, type Pumped } from '../../src/udp/linux/pump.ts';
import type { Host, PumpMode, Udp } from '../../src/udp/udp.ts';
import { waitsOf } from './rig.ts';

const test = suite('pump');
const IP = '127.0.0.1';
const EFD_NONBLOCK = 0o4000;

test('a word that names no pump is told in one sentence', () => {
  try {
    chooseHost('auto', 'quick' as PumpMode);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, ConfigError);
    assert.is((error as Error).message, '"pump" expected one of timer, async, got "quick"');
  }
});

test('a runtime without other threads takes the timer and says why', () => {
  const { pump, whyTimer, whyPlain } = chooseHost('auto', 'async');
  if (whyPlain !== undefined) assert.is(pump, undefined);
  else if ('Bun' in globalThis) {
    assert.is(pump, 'timer');
    assert.is(whyTimer, 'no async pump: bun:ffi cannot wait in another thread, the timer is used');
  } else assert.is(pump, 'async');
  assert.is(chooseHost('plain', 'async').pump, undefined);
  assert.is(chooseHost('auto').pump, whyPlain === undefined ? 'timer' : undefined);
});

/** Has nothing to hand out. */
const idle = (fd: number): Pumped => ({
  fd,
  isClosed: false,
  takeErrors() {},
  settle: () => false,
  takeDatagrams: () => 0,
});

const found = findFfi();
if (typeof found === 'string') {
  test(`SKIPPED: ${found}`, () => {
    console.log(`\nSKIPPED pumps: ${found}`);
  });
} else {
  for (const pump of PUMPS) if (chooseHost('kernel', pump).pump === pump) check(found, pump);
}

function check(ffi: Ffi, mode: PumpMode): void {
  const host: Host = chooseHost('kernel', mode);
  const { sleep, until } = waitsOf(host);
  const open = (onDatagram: () => void): Promise<Udp> =>
    host.openUdp({ ip: IP, port: 0 }, { onDatagram, onError: () => {} });

  const { later } = ffi;
  // First, while no thread waits yet
  if (mode === 'async' && later !== null) {
    test('async: the last socket gone, the thread is woken and let go', async () => {
      const found: number[] = [];
      let waits = 0;
      const pump = makePump(
        {
          ...ffi,
          later(watch, events, most, timeoutMs, done) {
            waits++;
            later(watch, events, most, timeoutMs, (count) => {
              found.push(count);
              done(count);
            });
          },
        },
        () => {},
        mode,
      );
      for (let round = 1; round <= 3; round++) {
        const fd = ffi.libc.eventfd(0, EFD_NONBLOCK);
        const member = idle(fd);
        pump.add(member);
        assert.is(waits, found.length + 1);
        pump.remove(member);
        ffi.libc.close(fd);
        await until(() => found.length === waits);
        assert.is(found.at(-1), 1); // woken; 0 is the end of its time
        assert.is(waits, round);
      }
    });
  }

  test(`${mode}: a flood on one socket leaves timers and other sockets their turn`, async () => {
    const counts = { flood: 0, other: 0, timer: 0 };
    const sink: Udp = await open(() => {
      counts.flood++;
      // Two for one: it never ends
      for (let n = 0; n < 2 && !isOver; n++) sink.send(new Uint8Array(48), sink.local);
    });
    const other = await open(() => void counts.other++);
    let isOver = false;
    sink.send(new Uint8Array(48), sink.local);
    await until(() => counts.flood > 2000);
    const before = { ...counts };
    for (let turn = 0; turn < 20; turn++) {
      other.send(new Uint8Array(48), other.local);
      await sleep(5);
      counts.timer++;
    }
    await until(() => counts.other >= 20);
    isOver = true;
    assert.is(counts.timer, 20);
    assert.is(counts.other, 20);
    assert.ok(counts.flood - before.flood > 2000, `${counts.flood - before.flood}`);
    await Promise.all([sink.close(), other.close()]);
  });

  test(`${mode}: what is held is not looked at all the time, and handed out when it may`, async () => {
    const { libc } = ffi;
    const fd = libc.eventfd(1, EFD_NONBLOCK); // readable from the start
    const bytes = new Uint8Array(new ArrayBuffer(256));
    let isHeld = true;
    let looks = 0;
    let taken = 0;
    const pump = makePump(ffi, () => {}, mode);
    const member: Pumped = {
      ...idle(fd),
      settle: () => isHeld,
      takeDatagrams() {
        looks++;
        if (isHeld) return HELD;
        libc.read(fd, bytes, 8);
        return ++taken;
      },
    };
    pump.add(member);
    await until(() => looks > 0);
    const [from, before] = [host.clock.tick(), looks];
    await sleep(100);
    const passedMs = (host.clock.tick() - from) / 1e6;
    assert.ok(looks - before <= passedMs + 10, `${looks - before} looks in ${passedMs} ms`);
    assert.ok(looks - before > 5);
    isHeld = false;
    await until(() => taken > 0);
    await sleep(20);
    assert.is(taken, 1);
    bytes[0] = 1;
    libc.write(fd, bytes, 8);
    await until(() => taken > 1);
    assert.is(taken, 2); // it is listened to again
    pump.remove(member);
    libc.close(fd);
  });

  test(`${mode}: nothing to do, it is not called`, async () => {
    const { libc } = ffi;
    const fd = libc.eventfd(0, EFD_NONBLOCK);
    let looks = 0;
    const pump = makePump(ffi, () => void looks++, mode);
    const member = idle(fd);
    pump.add(member);
    await sleep(50);
    assert.is(looks, 0);
    pump.remove(member);
    pump.remove(member);
    libc.close(fd);
  });
}

test.run();
