/**
 * Nothing is left behind: file descriptors and threads after 100 open/close cycles, memory after
 * 10^6 datagrams, time after close. Of the Linux host with each pump; the plain ones are the
 * runtimes' own.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseHost, PUMPS } from '../../src/udp/choose.ts';
import { linuxHost } from '../../src/udp/linux/host.ts';
import type { Host, PumpMode } from '../../src/udp/udp.ts';

const test = suite('leaks of the Linux host');
const IP = '127.0.0.1';
const GROUP = '233.252.0.1';
const DATAGRAMS = 1_000_000;
const BURST = 100;

const silent = { onDatagram: () => {}, onError: () => {} };
/** What this process holds, by kind: `socket`, `/dev/null`. Not Unix sockets: Deno's own come and go. */
function descriptors(): string[] {
  const own = readFileSync('/proc/self/net/unix', 'utf8');
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode === undefined) return [target.replace(/\d{2,}/, 'N')];
      return own.includes(` ${inode}`) ? [] : ['socket'];
    } catch {
      return []; // the one of this look
    }
  });
}
const threads = (): number => readdirSync('/proc/self/task').length;
const residentKb = (): number =>
  Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
const pause = (host: Host, ms: number) => new Promise<void>((done) => host.setTimer(done, ms));

const found = linuxHost();
if (typeof found === 'string') {
  test(`SKIPPED: ${found}`, () => {
    console.log(`\nSKIPPED leaks of the Linux host: ${found}`);
  });
} else {
  for (const pump of PUMPS) if (chooseHost('kernel', pump).pump === pump) checkLeaks(pump);
}

function checkLeaks(pump: PumpMode): void {
  test(`${pump}: 100 times opened and closed, it holds no more descriptors and threads`, async () => {
    const host = chooseHost('kernel', pump);
    const cycle = async () => {
      const udp = await host.openUdp({ ip: IP, port: 0 }, silent);
      const other = await host.openUdp({ ip: IP, port: 0 }, silent, { multicast: {} });
      const member = await host.openMulticast(GROUP, udp.local, silent);
      udp.send(new Uint8Array(48), other.local, undefined, { departed: () => {} });
      assert.ok(
        await host.openUdp(udp.local, silent).then(
          () => false,
          () => true,
        ),
      );
      await Promise.all([udp.close(), other.close(), member.close()]);
    };
    await cycle();
    await pause(host, 20);
    const before = descriptors();
    const threadsBefore = threads();
    for (let n = 0; n < 100; n++) await cycle();
    chooseHost('kernel', pump); // a self-test, too
    // The waiting thread, and the runtime's own, let go a moment later
    for (let n = 0; n < 100 && descriptors().length > before.length; n++) await pause(host, 20);
    const after = descriptors();
    assert.ok(after.length <= before.length, `${before.sort()}: ${after.sort()}`);
    // Runtimes start and end threads of their own; 100 more would be ours
    assert.ok(threads() < threadsBefore + 10, `${threadsBefore}: ${threads()}`);
  });

  test(`${pump}: ${DATAGRAMS} datagrams with stamps both ways leave no memory`, async () => {
    const host = chooseHost('kernel', pump);
    let received = 0;
    let departed = 0;
    const b = await host.openUdp(
      { ip: IP, port: 0 },
      {
        onDatagram() {
          received++;
        },
        onError: () => {},
      },
    );
    const a = await host.openUdp({ ip: IP, port: 0 }, silent);
    const bytes = new Uint8Array(48);
    const options = {
      departed: () => {
        departed++;
      },
    };
    const run = async (count: number) => {
      const goal = departed + count;
      while (departed < goal) {
        for (let n = 0; n < BURST; n++) a.send(bytes, b.local, undefined, options);
        await pause(host, 0);
      }
    };
    await run(DATAGRAMS / 10);
    const beforeKb = residentKb();
    await run(DATAGRAMS);
    await pause(host, 50);
    const grownMb = (residentKb() - beforeKb) / 1024;
    // A leak of 100 bytes a datagram would be 100 MB; engines keep some for themselves
    assert.ok(grownMb < 80, `grown by ${grownMb} MB`);
    assert.is(received, departed);
    const counts = a.counts?.();
    assert.is(counts?.departed.kernel, departed);
    assert.is(b.counts?.().received.kernel, received);
    const from = host.clock.tick();
    await Promise.all([a.close(), b.close()]);
    assert.ok(host.clock.tick() - from < 1e9);
  });
}

test.run();
