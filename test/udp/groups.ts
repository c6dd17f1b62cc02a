/**
 * What every host must do with groups, run over each adapter by plain.test.ts and linux.test.ts: on the loopback
 * interface, which carries IPv4 groups and no others. Interfaces are kept apart in
 * multicast.test.ts and, with real links, in interop/multicast.test.ts.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostError } from '../../src/errors.ts';
import type { Address } from '../../src/machine.ts';
import type { Handlers, Host, StampKind } from '../../src/udp/udp.ts';
import { type Inbox, makeInbox, sent, waitsOf } from './rig.ts';

/** Groups for documentation (RFC 6676): nobody else's. */
const GROUP = '233.252.0.1';
const OTHER_GROUP = '233.252.0.2';

/** Registers and runs the suite over the hosts that `makeHost` makes. */
export function groupSuite(
  name: string,
  makeHost: () => Host,
  stampKind: StampKind = 'user',
): void {
  const test = suite(`groups ${name}`);
  const host = makeHost();
  const opened: { close(): Promise<void> }[] = [];

  const keep = <T extends { close(): Promise<void> }>(udp: T): T => {
    opened.push(udp);
    return udp;
  };
  /** A socket that may send to groups. */
  const open = async (ip: string, port: number, handlers: Handlers = makeInbox()) =>
    keep(await host.openUdp({ ip, port }, handlers, { multicast: { loopback: true } }));
  const join = async (group: string, ip: string, port: number, handlers: Handlers) =>
    keep(await host.openMulticast(group, { ip, port }, handlers));
  const { sleep, until } = waitsOf(host);
  const bytesOf = ({ datagrams }: Inbox) => datagrams.map(({ bytes }) => bytes[0]);
  const message = async (opening: Promise<unknown>): Promise<string> => {
    const thrown = await opening.then(
      () => null,
      (error: unknown) => error,
    );
    assert.instance(thrown, HostError);
    return (thrown as HostError).message;
  };

  test.after.each(async () => {
    await Promise.all(opened.splice(0).map((udp) => udp.close()));
  });

  test('a datagram to a group arrives with group, addresses, ports and stamps exact', async () => {
    const inbox = makeInbox();
    const sender = await open('127.0.0.2', 0);
    const { port } = sender.local;
    const member = await join(GROUP, '127.0.0.3', port, inbox);
    assert.equal(member.local, { ip: '127.0.0.3', port });
    assert.is(member.group, GROUP);
    assert.is(member.stampKind, stampKind);
    const sealed: unknown[] = [];
    const sentAtNs = sent(
      sender.send(Uint8Array.of(0, 127, 255), { ip: GROUP, port }, (_bytes, at) => {
        sealed.push(at);
      }),
    );
    await until(() => inbox.datagrams.length > 0);
    const nowNs = host.clock.now();
    const [datagram] = inbox.datagrams;
    assert.equal(datagram?.bytes, Uint8Array.of(0, 127, 255));
    assert.is(datagram?.group, GROUP);
    assert.equal(datagram?.local, member.local);
    assert.equal(datagram?.remote, sender.local);
    assert.equal(sealed, [sentAtNs]);
    const receivedAtNs = datagram?.receivedAtNs ?? 0;
    assert.ok(receivedAtNs >= sentAtNs && receivedAtNs <= nowNs);
    assert.equal(inbox.codes, []);
  });

  test('an event and a general port per address: groups and sockets get only their own', async () => {
    const inboxes = new Map<string, Inbox>();
    const inboxOf = (key: string): Inbox => {
      const inbox = inboxes.get(key) ?? makeInbox();
      inboxes.set(key, inbox);
      return inbox;
    };
    const event = (await open('127.0.0.2', 0, inboxOf('unicast 0'))).local.port;
    const general = (await open('127.0.0.2', 0, inboxOf('unicast 1'))).local.port;
    const ports = [event, general];
    for (const [index, port] of ports.entries()) {
      for (const group of [GROUP, OTHER_GROUP]) {
        await join(group, '127.0.0.2', port, inboxOf(`${group} ${index}`));
      }
    }
    const sender = await open('127.0.0.4', 0);
    let count = 0;
    const expected: [string, number][] = [];
    for (const [index, port] of ports.entries()) {
      for (const [key, ip] of [
        [`unicast ${index}`, '127.0.0.2'],
        [`${GROUP} ${index}`, GROUP],
        [`${OTHER_GROUP} ${index}`, OTHER_GROUP],
      ] as const) {
        sent(sender.send(Uint8Array.of(++count), { ip, port }));
        expected.push([key, count]);
      }
    }
    await until(() => [...inboxes.values()].every((inbox) => inbox.datagrams.length > 0));
    await sleep(20); // what should not come had its time, too
    assert.is(inboxes.size, 6);
    for (const [key, number] of expected) assert.equal(bytesOf(inboxOf(key)), [number], key);
    for (const inbox of [inboxOf('unicast 0'), inboxOf('unicast 1')]) {
      assert.is(inbox.datagrams[0]?.group, undefined);
    }
  });

  test('what is sent to a group leaves from the very address and port of its socket', async () => {
    const inbox = makeInbox();
    const first = await open('127.0.0.2', 0);
    const { port } = first.local;
    const senders = [first, await open('127.0.0.3', port), await open('127.0.0.4', port)];
    await join(GROUP, '127.0.0.9', port, inbox);
    for (const [index, udp] of senders.entries()) {
      sent(udp.send(Uint8Array.of(index), { ip: GROUP, port }));
    }
    await until(() => inbox.datagrams.length >= 3);
    assert.equal(
      inbox.datagrams.map(({ remote }) => remote),
      senders.map(({ local }) => local),
    );
  });

  test('members of one interface get a copy each, and one may leave', async () => {
    const [one, two] = [makeInbox(), makeInbox()];
    const sender = await open('127.0.0.2', 0);
    const { port } = sender.local;
    const member = await join(GROUP, '127.0.0.3', port, one);
    await join(GROUP, '127.0.0.4', port, two);
    sent(sender.send(Uint8Array.of(1), { ip: GROUP, port }));
    await until(() => one.datagrams.length > 0 && two.datagrams.length > 0);
    assert.equal(
      [one.datagrams[0]?.local.ip, two.datagrams[0]?.local.ip],
      ['127.0.0.3', '127.0.0.4'],
    );
    await member.close();
    sent(sender.send(Uint8Array.of(2), { ip: GROUP, port }));
    await until(() => two.datagrams.length > 1);
    await sleep(10);
    assert.equal([bytesOf(one), bytesOf(two)], [[1], [1, 2]]);
  });

  test('after close() nothing comes, and the group can be joined again at once', async () => {
    const sender = await open('127.0.0.2', 0);
    const { port } = sender.local;
    for (let round = 0; round < 10; round++) {
      const inbox = makeInbox();
      const member = await join(GROUP, '127.0.0.3', port, inbox);
      sent(sender.send(Uint8Array.of(round), { ip: GROUP, port }));
      await until(() => inbox.datagrams.length > 0);
      sent(sender.send(Uint8Array.of(100), { ip: GROUP, port }));
      await Promise.all([member.close(), member.close()]);
      sent(sender.send(Uint8Array.of(101), { ip: GROUP, port }));
      await sleep(2);
      assert.equal(bytesOf(inbox), [round]);
    }
  });

  test('close() from inside onDatagram stops the datagrams already queued', async () => {
    let calls = 0;
    const sender = await open('127.0.0.2', 0);
    const { port } = sender.local;
    const member = await join(GROUP, '127.0.0.3', port, {
      onDatagram: () => {
        calls++;
        member.close();
      },
      onError: () => {},
    });
    for (let count = 0; count < 20; count++) sender.send(Uint8Array.of(1), { ip: GROUP, port });
    await until(() => calls > 0);
    await sleep(20);
    assert.is(calls, 1);
  });

  test('a hop limit can be chosen, and only one that is', async () => {
    for (const hops of [1, 2, 255]) {
      const inbox = makeInbox();
      const local = { ip: '127.0.0.2', port: 0 };
      const multicast = { hops, loopback: true };
      const udp = keep(await host.openUdp(local, makeInbox(), { multicast }));
      const { port } = udp.local;
      await join(GROUP, '127.0.0.3', port, inbox);
      sent(udp.send(Uint8Array.of(hops), { ip: GROUP, port }));
      await until(() => inbox.datagrams.length > 0);
      assert.equal(bytesOf(inbox), [hops]);
    }
    for (const hops of [0, -1, 256, 1.5, Number.NaN]) {
      const opening = host.openUdp({ ip: '127.0.0.2', port: 0 }, makeInbox(), {
        multicast: { hops },
      });
      assert.match(await message(opening), 'cannot bind 127.0.0.2:0: EINVAL, the hop limit for');
    }
  });

  test('only one interface at a time: no wildcard, and no address of another machine', async () => {
    const groups = { multicast: {} };
    for (const [ip, group] of [
      ['0.0.0.0', GROUP],
      ['::', 'ff0e::181'],
    ] as const) {
      const local: Address = { ip, port: 0 };
      const why = 'EINVAL, groups live on one interface each: name one of its addresses';
      assert.match(await message(host.openMulticast(group, local, makeInbox())), why);
      assert.match(await message(host.openUdp(local, makeInbox(), groups)), why);
    }
    const foreign = { ip: '203.0.113.77', port: 4460 };
    for (const opening of [
      host.openMulticast(GROUP, foreign, makeInbox()),
      host.openUdp(foreign, makeInbox(), groups),
    ]) {
      assert.match(await message(opening), '203.0.113.77:4460: EADDRNOTAVAIL, no interface');
    }
    assert.match(
      await message(host.openMulticast('127.0.0.1', { ip: '127.0.0.1', port: 0 }, makeInbox())),
      'it is no multicast address',
    );
  });

  test('a port somebody holds alone cannot be joined on, and the error says so', async () => {
    const holder = keep(await host.openUdp({ ip: GROUP, port: 0 }, makeInbox()));
    const { port } = holder.local;
    assert.is(
      await message(host.openMulticast(GROUP, { ip: '127.0.0.3', port }, makeInbox())),
      `cannot join ${GROUP} from 127.0.0.3:${port}: EADDRINUSE, another program holds the port and does not share it`,
    );
  });

  test('Deno refuses the hop limit it cannot set for IPv6', async () => {
    const multicast = { hops: 2 };
    const opening = host.openUdp({ ip: '::1', port: 0 }, makeInbox(), { multicast });
    if ('Deno' in globalThis && stampKind === 'user') {
      assert.match(await message(opening), 'ENOTSUP, Deno sends to IPv6 groups with a hop limit');
    } else {
      await opening.then(keep, (error: unknown) => {
        console.log(`\nSKIPPED groups ${name}, IPv6: no IPv6 loopback here (${error})`);
      });
    }
  });

  test.run();
}
