/** The Linux host under the suite of all hosts, and what only it can, as far as loopback shows. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Datagram } from '../../src/machine.ts';
import { chooseHost, PUMPS, plainHost } from '../../src/udp/choose.ts';
import { linuxHost } from '../../src/udp/linux/host.ts';
import { type Handlers, type Host, type Icmp, stampsOf, type Udp } from '../../src/udp/udp.ts';
import { groupSuite } from './groups.ts';
import { waitsOf } from './rig.ts';
import { udpSuite } from './suite.ts';

const IP = '127.0.0.1';

const found = linuxHost();
if (typeof found === 'string') {
  const skipped = suite('Linux host');
  skipped(`SKIPPED: ${found}`, () => {
    console.log(`\nSKIPPED Linux host: ${found}`);
  });
  skipped.run();
} else {
  for (const pump of PUMPS) {
    const { name, whyTimer } = chooseHost('kernel', pump);
    if (whyTimer !== undefined) {
      console.log(`\nSKIPPED ${name}, pump ${pump}: ${whyTimer}`);
      continue;
    }
    udpSuite(name, () => chooseHost('kernel', pump), 'kernel');
    groupSuite(name, () => chooseHost('kernel', pump), 'kernel');
    ownSuite(chooseHost('kernel', pump));
  }
}

function ownSuite(host: Host): void {
  const test = suite(`${host.name} beyond the others`);
  const opened: { close(): Promise<void> }[] = [];
  const open = async (ip: string, handlers: Partial<Handlers> = {}): Promise<Udp> => {
    const silent = { onDatagram: () => {}, onError: () => {} };
    const udp = await host.openUdp({ ip, port: 0 }, { ...silent, ...handlers });
    opened.push(udp);
    return udp;
  };
  const { sleep, until } = waitsOf(host);
  test.after.each(async () => {
    await Promise.all(opened.splice(0).map((udp) => udp.close()));
  });

  test('a socket bound to all addresses knows to which a datagram came, by what, over how far', async () => {
    for (const [all, to] of [
      ['0.0.0.0', '127.0.0.7'],
      ['::', '::1'],
    ] as const) {
      const datagrams: Datagram[] = [];
      let udp: Udp;
      try {
        udp = await open(all, { onDatagram: (datagram) => void datagrams.push(datagram) });
      } catch (error) {
        console.log(`\nSKIPPED arrival at ${to}: no IPv6 here (${error})`);
        continue;
      }
      const sender = await open(to === '::1' ? to : IP);
      const peer = { ip: to, port: udp.local.port };
      sender.send(new Uint8Array(1), peer);
      sender.send(new Uint8Array(1), peer, undefined, { hops: 3, dscp: 46 });
      await until(() => datagrams.length >= 2);
      assert.equal(
        datagrams.map(({ arrival }) => arrival),
        [64, 3].map((hops) => ({ ip: to, ifindex: datagrams[0]?.arrival?.ifindex, hops })),
      );
      assert.ok((datagrams[0]?.arrival?.ifindex ?? 0) > 0);
      assert.is(datagrams[0]?.local.ip, all);
    }
  });

  test('the departure lies between the send and the receipt, and is told once', async () => {
    const told: string[] = [];
    let received = 0;
    const b = await open(IP, {
      onDatagram({ receivedAtNs }) {
        received = receivedAtNs;
      },
    });
    const a = await open(IP);
    const departures: number[] = [];
    const sent = a.send(new Uint8Array(48), b.local, undefined, {
      departed(at, kind) {
        departures.push(at);
        told.push(kind);
      },
    });
    await until(() => received > 0 && told.length > 0);
    await sleep(20);
    assert.equal(told, ['kernel']);
    const [departure = 0] = departures;
    // A microsecond: the process's clock is anchored to the kernel's, and not it
    assert.ok(Number(sent) - 1000 <= departure && departure < received, `${sent} ${departures}`);
    assert.is(stampsOf(a), 'kernel');
  });

  test('ICMP names who sent it, what was sent where; it goes to the first who wants it', async () => {
    const gone = { ip: '127.0.0.99', port: 9 }; // nobody's, not even for a moment
    const icmps: Icmp[] = [];
    const calls: string[] = [];
    const bytes = Uint8Array.of(1, 2, 3);
    const onError = (code: string) => void calls.push(`error ${code}`);
    const onUnreachable = (ip: string, code: string) => void calls.push(`gone ${ip} ${code}`);
    const onIcmp = (icmp: Icmp) => void icmps.push(icmp);
    const [plain, peers, all] = [
      await open(IP, { onError }),
      await open(IP, { onError, onUnreachable }),
      await open(IP, { onError, onUnreachable, onIcmp }),
    ];
    for (const udp of [plain, peers]) {
      udp?.send(bytes, gone);
      const before = calls.length;
      await until(() => calls.length > before);
    }
    assert.equal(calls, ['error ECONNREFUSED', `gone ${gone.ip} ECONNREFUSED`]);
    all?.send(bytes, gone);
    await until(() => icmps.length > 0);
    assert.equal(
      icmps.map(({ receivedAtNs: _, ...rest }) => rest),
      [
        {
          routerIp: gone.ip,
          to: gone,
          type: 3,
          code: 3,
          errorCode: 'ECONNREFUSED',
          quoted: bytes,
        },
      ],
    );
    assert.is(calls.length, 2);
  });

  test('what a full buffer loses is counted, and only that', async () => {
    let received = 0;
    const b = await open(IP, { onDatagram: () => void received++ });
    const a = await open(IP);
    const count = 20_000;
    for (let n = 0; n < count; n++) a.send(new Uint8Array(1000), b.local);
    await until(() => received > 0);
    await sleep(50);
    a.send(new Uint8Array(1), b.local);
    const before = received;
    await until(() => received > before);
    const { received: by, lost = 0, tooLong, receiveBufferBytes = 0 } = b.counts?.() ?? {};
    assert.ok(lost > 0 && received > 100, `${received} received, ${lost} lost`);
    assert.is(received + lost, count + 1);
    assert.equal(by, { kernel: received, user: 0 });
    assert.is(tooLong, 0);
    assert.ok(receiveBufferBytes >= 100_000);
  });

  test('a datagram longer than any we know is counted and not handed out', async () => {
    const lengths: number[] = [];
    const b = await open(IP, { onDatagram: ({ bytes }) => void lengths.push(bytes.length) });
    for (const length of [2048, 2049, 65507, 7]) b.send(new Uint8Array(length), b.local);
    await until(() => lengths.length >= 2);
    assert.equal(lengths, [2048, 7]);
    assert.is(b.counts?.().tooLong, 2);
  });

  test('hops and DSCP that are none are refused; plain hosts refuse them all', async () => {
    const a = await open(IP);
    for (const options of [{ hops: 0 }, { hops: 256 }, { hops: 1.5 }, { dscp: -1 }, { dscp: 64 }]) {
      assert.is(a.send(new Uint8Array(1), a.local, undefined, options), 'EINVAL');
    }
    const plain = await plainHost().openUdp(
      { ip: IP, port: 0 },
      { onDatagram: () => {}, onError: () => {} },
    );
    assert.is(plain.send(new Uint8Array(1), a.local, undefined, { hops: 3 }), 'ENOTSUP');
    assert.is(plain.send(new Uint8Array(1), a.local, undefined, { dscp: 46 }), 'ENOTSUP');
    assert.is(typeof plain.send(new Uint8Array(1), a.local, undefined, {}), 'number');
    await plain.close();
  });

  test('an interface that is not there, or that one may not have whole, is told in one sentence', () => {
    const handlers = { onFrame: () => {}, onError: () => {} };
    try {
      host.openPacket?.('no-such0', handlers);
      assert.unreachable();
    } catch (error) {
      const { name, message } = error as Error;
      assert.is(name, 'HostError');
      assert.match(message, /^cannot open no-such0 for frames: (no such interface|EPERM, raw)/);
    }
  });

  test.run();
}
