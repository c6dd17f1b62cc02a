/**
 * What every host must do, run over each adapter by plain.test.ts and linux.test.ts. Real sockets, loopback only;
 * waits end on what they wait for, so a busy machine makes it slow and not red.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostError } from '../../src/errors.ts';
import { codeOf } from '../../src/udp/codes.ts';
import type { Handlers, Host, StampKind, Udp } from '../../src/udp/udp.ts';
import { type Stamp, stampSpan } from '../../src/units.ts';
import { makeInbox, PATIENCE_MS, sent, waitsOf } from './rig.ts';

const LOOPBACK = '127.0.0.1';
/** A documentation address (RFC 5737) that no interface here has. */
const FOREIGN = '203.0.113.77';

/** Registers and runs the suite over the hosts that `makeHost` makes. */
export function udpSuite(name: string, makeHost: () => Host, stampKind: StampKind = 'user'): void {
  const test = suite(`udp ${name}`);
  const host = makeHost();
  const opened: Udp[] = [];

  const open = async (ip: string, port: number, handlers: Handlers): Promise<Udp> => {
    const udp = await host.openUdp({ ip, port }, handlers);
    opened.push(udp);
    return udp;
  };
  const { sleep, until } = waitsOf(host);
  /** A loopback port that was free a moment ago. */
  const closedPort = async (): Promise<number> => {
    const udp = await host.openUdp({ ip: LOOPBACK, port: 0 }, makeInbox());
    await udp.close();
    return udp.local.port;
  };
  const rejection = async (ip: string, port: number): Promise<HostError> => {
    try {
      await open(ip, port, makeInbox());
    } catch (error) {
      assert.instance(error, HostError);
      return error as HostError;
    }
    return assert.unreachable(`${ip}:${port} was bound`) as never;
  };

  test.after.each(async () => {
    await Promise.all(opened.splice(0).map((udp) => udp.close()));
  });

  test('a datagram arrives with its bytes, addresses and ports exact', async () => {
    const inbox = makeInbox();
    const a = await open('127.0.0.2', 0, makeInbox());
    const b = await open('127.0.0.3', 0, inbox);
    assert.is(a.local.ip, '127.0.0.2');
    assert.ok(a.local.port > 0 && a.local.port < 65536);
    assert.is(a.stampKind, stampKind);
    sent(a.send(Uint8Array.of(0, 1, 127, 128, 255), b.local));
    await until(() => inbox.datagrams.length > 0);
    assert.is(inbox.datagrams.length, 1);
    assert.equal(inbox.datagrams[0]?.bytes, Uint8Array.of(0, 1, 127, 128, 255));
    assert.equal(inbox.datagrams[0]?.remote, a.local);
    assert.equal(inbox.datagrams[0]?.local, b.local);
  });

  test('received bytes are a plain Uint8Array, whose slice() is a copy', async () => {
    const kinds: unknown[] = [];
    const b = await open(LOOPBACK, 0, {
      onDatagram: ({ bytes }) => {
        kinds.push(Object.getPrototypeOf(bytes) === Uint8Array.prototype);
      },
      onError: () => {},
    });
    sent(b.send(new Uint8Array(48), b.local));
    await until(() => kinds.length > 0);
    assert.equal(kinds, [true]);
  });

  test('8 sockets on one port keep their own source address (MP-03)', async () => {
    const server = makeInbox();
    const remote = await open(LOOPBACK, 0, server);
    const first = await open('127.0.0.2', 0, makeInbox());
    const sockets = [first];
    for (let last = 3; last <= 9; last++) {
      sockets.push(await open(`127.0.0.${last}`, first.local.port, makeInbox()));
    }
    for (const [index, udp] of sockets.entries())
      sent(udp.send(Uint8Array.of(index), remote.local));
    await until(() => server.datagrams.length >= 8);
    const seen = server.datagrams.map(({ bytes, remote: { ip, port } }) => [bytes[0], ip, port]);
    assert.equal(
      seen.sort(([a = 0], [b = 0]) => Number(a) - Number(b)),
      sockets.map(({ local }, index) => [index, local.ip, local.port]),
    );
  });

  test('IPv6 works as IPv4 does', async () => {
    const inbox = makeInbox();
    let a: Udp;
    try {
      a = await open('0:0:0:0:0:0:0:1', 0, makeInbox());
    } catch (error) {
      console.log(`\nSKIPPED udp ${name}, IPv6: no IPv6 loopback here (${error})`);
      return;
    }
    const b = await open('::1', 0, inbox);
    assert.is(a.local.ip, '::1');
    sent(a.send(Uint8Array.of(6), b.local));
    await until(() => inbox.datagrams.length > 0);
    assert.equal(inbox.datagrams[0]?.remote, a.local);
    assert.equal(inbox.datagrams[0]?.local, b.local);
    assert.equal(inbox.datagrams[0]?.bytes, Uint8Array.of(6));
    assert.is(a.send(Uint8Array.of(6), { ip: LOOPBACK, port: 9 }), 'EAFNOSUPPORT');
  });

  test('an address of another machine cannot be bound, and the error says which', async () => {
    const { message } = await rejection(FOREIGN, 4460);
    assert.match(message, `cannot bind ${FOREIGN}:4460: EADDRNOTAVAIL, `);
    assert.not.match(message, '\n');
  });

  test('an address or port that is none cannot be bound', async () => {
    assert.match((await rejection('localhost', 4460)).message, '"localhost" is no IP literal');
    assert.match((await rejection(LOOPBACK, 70000)).message, '127.0.0.1:70000: the port must be');
    assert.match((await rejection(LOOPBACK, -1)).message, 'the port must be');
    assert.match((await rejection(LOOPBACK, 1.5)).message, 'the port must be');
  });

  test('a port in use cannot be bound twice', async () => {
    const { local } = await open(LOOPBACK, 0, makeInbox());
    const { message } = await rejection(LOOPBACK, local.port);
    assert.match(message, `cannot bind ${LOOPBACK}:${local.port}: EADDRINUSE, `);
  });

  test('stamps lie between the clock readings around them', async () => {
    let whileSent = 0;
    const stamps: Stamp[] = [];
    const after: Stamp[] = [];
    const b = await open(LOOPBACK, 0, {
      onDatagram: ({ receivedAtNs }) => {
        stamps.push(receivedAtNs);
        after.push(host.clock.now());
      },
      onError: () => {},
    });
    for (let count = 0; count < 20; count++) {
      const before = host.clock.now();
      stamps.push(before, sent(b.send(Uint8Array.of(count), b.local)));
      const sentBy = host.clock.now();
      const sends = stamps.length;
      assert.ok((stamps[sends - 1] as Stamp) <= sentBy);
      await until(() => stamps.length > sends);
      assert.is(stamps.length, sends + 1);
      stamps.push(after[count] as Stamp);
      // A datagram of loopback is received while it is sent: only the kernel can stamp it then
      const isWhileSent = (stamps[sends] as Stamp) <= sentBy;
      if (stampKind === 'user') assert.not(isWhileSent);
      else whileSent += isWhileSent ? 1 : 0;
    }
    if (stampKind === 'kernel') assert.ok(whileSent > 10, `${whileSent} of 20 stamped in time`);
    for (const [index, at] of stamps.entries()) {
      assert.ok(index === 0 || at >= (stamps[index - 1] as Stamp), `stamp ${index} is early`);
    }
    const totalS = stampSpan(stamps[0] as Stamp, stamps.at(-1) as Stamp);
    assert.ok(totalS > 0 && totalS < 20 * PATIENCE_MS);
  });

  test('seal gets the very stamp that send returns, once, and the bytes carry it', async () => {
    const inbox = makeInbox();
    const b = await open(LOOPBACK, 0, inbox);
    const sealed: unknown[] = [];
    const bytes = new Uint8Array(16);
    const at = sent(
      b.send(bytes, b.local, (given, stampNs) => {
        sealed.push(given === bytes, stampNs);
        new DataView(given.buffer).setFloat64(8, stampNs);
      }),
    );
    assert.equal(sealed, [true, at]);
    await until(() => inbox.datagrams.length > 0);
    const arrived = inbox.datagrams[0]?.bytes ?? new Uint8Array(16);
    assert.is(new DataView(arrived.buffer).getFloat64(8), at);
  });

  test('empty and full-sized datagrams arrive whole', async () => {
    const inbox = makeInbox();
    const b = await open(LOOPBACK, 0, inbox);
    for (const length of [0, 1, 1472]) {
      const bytes = Uint8Array.from({ length }, (_, index) => index * 7);
      sent(b.send(Uint8Array.from(bytes), b.local));
      const expected = inbox.datagrams.length + 1;
      await until(() => inbox.datagrams.length >= expected);
      assert.equal(inbox.datagrams.at(-1)?.bytes, bytes);
    }
    assert.is(inbox.datagrams.length, 3);
  });

  test('the first datagrams of a fresh socket leave at once, in order', async () => {
    const inbox = makeInbox();
    const b = await open(LOOPBACK, 0, inbox);
    for (let round = 0; round < 5; round++) {
      const a = await open(LOOPBACK, 0, makeInbox());
      for (let count = 0; count < 5; count++) sent(a.send(Uint8Array.of(round, count), b.local));
      const expected = (round + 1) * 5;
      await until(() => inbox.datagrams.length >= expected);
      const last = inbox.datagrams.slice(-5).map(({ bytes }) => [...bytes]);
      assert.equal(
        last,
        [0, 1, 2, 3, 4].map((count) => [round, count]),
      );
    }
  });

  test('send has handed the datagram to the system when it returns', async () => {
    const inbox = makeInbox();
    const a = await open(LOOPBACK, 0, makeInbox());
    const b = await open(LOOPBACK, 0, inbox);
    sent(a.send(Uint8Array.of(5), b.local));
    await a.close(); // what waits in a queue of the runtime is lost now
    await until(() => inbox.datagrams.length > 0, 500);
    assert.is(inbox.datagrams.length, 1);
  });

  test('closed ports at one peer disturb neither the process nor another peer', async () => {
    const inbox = makeInbox();
    const mine = makeInbox();
    const a = await open(LOOPBACK, 0, mine);
    const b = await open(LOOPBACK, 0, inbox);
    const nobody = { ip: LOOPBACK, port: await closedPort() };
    for (let round = 0; round < 40; round++) {
      // Back to back: the ICMP error of the first is pending when the second is sent.
      a.send(Uint8Array.of(99), nobody);
      sent(a.send(Uint8Array.of(round), b.local));
      if (round % 4 === 0) await sleep(1);
    }
    await until(() => inbox.datagrams.length >= 40);
    const rounds = inbox.datagrams.map(({ bytes }) => bytes[0]);
    assert.equal(
      rounds,
      rounds.map((_, index) => index),
    );
    assert.is(rounds.length, 40);
    for (const code of mine.codes) assert.is(code, 'ECONNREFUSED');
    // Bun always tells, and without a handler for it the process would die.
    if (host.name === 'Bun.udpSocket') assert.ok(mine.codes.length > 0);
    sent(b.send(Uint8Array.of(1), a.local));
    await until(() => mine.datagrams.length > 0);
    assert.is(mine.datagrams.length, 1);
  });

  test('what cannot be sent has a code, and the socket lives on', async () => {
    const inbox = makeInbox();
    const a = await open(LOOPBACK, 0, inbox);
    for (const port of [0, -1, 70000, 1.5]) {
      assert.is(a.send(Uint8Array.of(1), { ip: LOOPBACK, port }), 'EINVAL');
    }
    assert.is(a.send(Uint8Array.of(1), { ip: '::1', port: 9 }), 'EAFNOSUPPORT');
    const result = a.send(new Uint8Array(70000), a.local);
    if (typeof result === 'string') assert.is(result, 'EMSGSIZE');
    else await until(() => inbox.codes.length > 0);
    assert.equal(inbox.codes, typeof result === 'string' ? [] : ['EMSGSIZE']);
    sent(a.send(Uint8Array.of(1), a.local));
    await until(() => inbox.datagrams.length > 0);
    assert.is(inbox.datagrams.length, 1);
  });

  test('a burst of 1000 with breath every 50 loses at most 5 %, none twice, in order', async () => {
    const inbox = makeInbox();
    const a = await open(LOOPBACK, 0, makeInbox());
    const b = await open(LOOPBACK, 0, inbox);
    for (let count = 0; count < 1000; count++) {
      sent(a.send(Uint8Array.of(count >> 8, count & 255, ...new Uint8Array(46)), b.local));
      if (count % 50 === 49) await sleep(1);
    }
    await until(() => inbox.datagrams.length >= 1000, 500);
    const numbers = inbox.datagrams.map(({ bytes }) => ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0));
    assert.ok(numbers.length >= 950, `${numbers.length} of 1000 arrived`);
    assert.ok(numbers.every((value, index) => index === 0 || value > (numbers[index - 1] ?? 0)));
  });

  test('1000 without a breath overrun the system and not the host', async () => {
    const inbox = makeInbox();
    const a = await open(LOOPBACK, 0, makeInbox());
    const b = await open(LOOPBACK, 0, inbox);
    for (let count = 0; count < 1000; count++) a.send(new Uint8Array(48), b.local);
    await until(() => inbox.datagrams.length >= 1000, 200);
    assert.ok(inbox.datagrams.length >= 100, `${inbox.datagrams.length} of 1000 arrived`);
    sent(a.send(Uint8Array.of(7), b.local));
    await until(() => inbox.datagrams.at(-1)?.bytes[0] === 7);
    assert.equal(inbox.datagrams.at(-1)?.bytes, Uint8Array.of(7));
  });

  test('once close() has resolved the port can be bound again', async () => {
    const peer = await open(LOOPBACK, 0, makeInbox());
    let udp = await open(LOOPBACK, 0, makeInbox());
    const { port } = udp.local;
    for (let round = 0; round < 20; round++) {
      if (round % 2 === 0) peer.send(Uint8Array.of(1), udp.local);
      udp.send(Uint8Array.of(1), peer.local);
      await udp.close();
      udp = await open(LOOPBACK, port, makeInbox());
    }
    assert.is(udp.local.port, port);
  });

  test('after close() no handler is called and nothing is sent', async () => {
    const inbox = makeInbox();
    const peerInbox = makeInbox();
    const peer = await open(LOOPBACK, 0, peerInbox);
    const udp = await open(LOOPBACK, 0, inbox);
    sent(peer.send(Uint8Array.of(0), udp.local));
    await until(() => inbox.datagrams.length > 0);
    for (let count = 0; count < 20; count++) peer.send(Uint8Array.of(1), udp.local);
    udp.send(new Uint8Array(70000), peer.local); // an error may be under way, too
    const codes = inbox.codes.length;
    const first = udp.close();
    const second = udp.close();
    assert.is(udp.send(Uint8Array.of(1), peer.local), 'EBADF');
    await Promise.all([first, second]);
    await sleep(20);
    assert.is(inbox.datagrams.length, 1);
    assert.is(inbox.codes.length, codes);
    assert.is(peerInbox.datagrams.length, 0);
  });

  test('close() from inside onDatagram stops the datagrams already queued', async () => {
    let calls = 0;
    const peer = await open(LOOPBACK, 0, makeInbox());
    const udp: Udp = await open(LOOPBACK, 0, {
      onDatagram: () => {
        calls++;
        udp.close();
      },
      onError: () => {},
    });
    for (let count = 0; count < 20; count++) peer.send(Uint8Array.of(1), udp.local);
    await until(() => calls > 0);
    await sleep(20);
    assert.is(calls, 1);
  });

  test('a timer comes once, not early, and not when cancelled', async () => {
    const from = host.clock.tick();
    let calls = 0;
    let cancelledCalls = 0;
    host.setTimer(() => calls++, 20);
    const cancel = host.setTimer(() => cancelledCalls++, 5);
    cancel();
    cancel();
    await until(() => calls > 0);
    // Runtimes count whole ms and may be up to one early.
    assert.ok(host.clock.tick() - from >= 18.9e6);
    await sleep(30);
    assert.is(calls, 1);
    assert.is(cancelledCalls, 0);
  });

  test('a name resolves to canonical addresses, a literal to itself', async () => {
    assert.equal(await host.resolve('0:0:0:0:0:0:0:1'), ['::1']);
    assert.equal(await host.resolve('192.0.2.1'), ['192.0.2.1']);
    assert.equal(await host.resolve('fe80::1%eth0'), ['fe80::1%eth0']);
    const found = await host.resolve('localhost');
    assert.ok(found.length > 0 && found.every((ip) => ip === LOOPBACK || ip === '::1'));
    try {
      await host.resolve('no such name');
      assert.unreachable();
    } catch (error) {
      assert.instance(error, HostError);
      assert.match((error as Error).message, 'cannot resolve "no such name": ');
      assert.is.not(codeOf((error as Error).cause), 'UNKNOWN');
    }
  });

  test('the loopback address is among the local ones', () => {
    const found = host.localAddresses();
    assert.ok(found.includes(LOOPBACK));
    assert.is(new Set(found).size, found.length);
  });

  test('random bytes are as many as asked for and differ', () => {
    const large = host.randomBytes(200_000); // more than one call of getRandomValues gives
    assert.is(large.length, 200_000);
    assert.ok(new Set(large.subarray(-1000)).size > 200);
    assert.not.equal(host.randomBytes(16), host.randomBytes(16));
    assert.is(host.randomBytes(0).length, 0);
  });

  test.run();
}
