/**
 * How interfaces are kept apart, over an adapter whose "system" behaves as Linux does: a datagram
 * to a group reaches every socket bound to it, unless the socket has shut the interface it came by.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostError } from '../../src/errors.ts';
import type { Address, Datagram } from '../../src/machine.ts';
import { coded } from '../../src/udp/codes.ts';
import { type InterfaceAddress, readInterfaces } from '../../src/udp/interfaces.ts';
import { type Join, makeMulticast } from '../../src/udp/multicast.ts';
import { type Seconds, stamp, tick } from '../../src/units.ts';

const test = suite('multicast');

const IPV4 = '224.0.1.129';
const WIDE = 'ff0e::181';
const LINK = 'ff02::181';
const PORT = 319;

/** Three networks; e0 has two addresses, and a link-local one that e1 has as well. */
const LIST = readInterfaces({
  lo: [{ address: '127.0.0.1', netmask: '255.0.0.0' }],
  e0: [
    { address: '10.0.0.1', netmask: '255.255.255.0' },
    { address: 'fd00:1::1', netmask: 'ffff:ffff::' },
    { address: 'fe80::1', netmask: 'ffff:ffff:ffff:ffff::' },
  ],
  'e0:1': [{ address: '10.0.0.2', netmask: '255.255.255.0' }],
  e1: [
    { address: '10.0.1.1', netmask: '255.255.255.0' },
    { address: 'fd00:2::1', netmask: 'ffff:ffff::' },
    { address: 'fe80::1', netmask: 'ffff:ffff:ffff:ffff::' },
  ],
  e2: [{ address: '10.0.2.1', netmask: '255.255.255.0' }],
});

const clock = {
  epochS: 0,
  now: () => stamp(1),
  tick: () => tick(1),
  check: () => 0 as Seconds,
};

interface Options {
  readonly canShut?: boolean;
  readonly list?: readonly InterfaceAddress[] | null;
  readonly fail?: Error;
}

/** A system of the kind above; `arrive` lets a datagram come in by an interface. */
function makeSystem({ canShut = true, list = LIST, fail }: Options = {}) {
  const sockets = new Set<{
    readonly bindIp: string;
    readonly port: number;
    readonly name: string;
    readonly shut: Set<string>;
    deliver(remoteIp: string): void;
  }>();
  const log: string[] = [];
  const nameOf = (ip: string): string => LIST.find((each) => each.ip === ip)?.name ?? '?';
  const join: Join = async ({ local, zone, bindIp }, handlers) => {
    if (fail !== undefined) throw fail;
    const shut = new Set<string>();
    const name = zone ?? nameOf(local.ip);
    const socket = {
      bindIp,
      port: local.port,
      name,
      shut,
      deliver: (ip: string) =>
        handlers.onDatagram({
          bytes: new Uint8Array(1),
          local,
          remote: { ip, port: PORT },
          receivedAtNs: stamp(0),
        }),
    };
    sockets.add(socket);
    log.push(`join ${local.ip}`);
    socket.deliver('10.0.0.66'); // what comes before anything is kept apart
    return {
      local,
      stampKind: 'user',
      ...(canShut && {
        shut: (ip: string) => {
          if (nameOf(ip) === name) throw new Error('this would make the socket deaf');
          log.push(`${local.ip} shuts ${ip}`);
          shut.add(nameOf(ip));
        },
        unshut: (ip: string) => {
          log.push(`${local.ip} opens ${ip}`);
          shut.delete(nameOf(ip));
        },
      }),
      async close() {
        log.push(`close ${local.ip}`);
        sockets.delete(socket);
      },
    };
  };
  const openMulticast = makeMulticast(join, clock, () => (list === null ? null : [...list]));
  const got: string[] = [];
  return {
    log,
    /** `local < remote` of all that was handed out, and `local: CODE`. Emptied by reading. */
    got: () => got.splice(0).sort(),
    open: (group: string, ip: string, port = PORT) =>
      openMulticast(
        group,
        { ip, port },
        {
          onDatagram: ({ local, remote, group: to }: Datagram) => {
            assert.is(to, group);
            got.push(`${local.ip} < ${remote.ip}`);
          },
          onError: (code) => {
            got.push(`${ip}: ${code}`);
          },
        },
      ),
    arrive(group: string, name: string, remoteIp: string, port = PORT) {
      for (const socket of sockets) {
        const to = [group, `${group}%${name}`].includes(socket.bindIp) && socket.port === port;
        if (to && !socket.shut.has(name)) socket.deliver(remoteIp);
      }
    },
  };
}

const message = async (opening: Promise<unknown>): Promise<string> => {
  const thrown = await opening.then(
    () => assert.unreachable('it was opened'),
    (error: unknown) => error,
  );
  assert.instance(thrown, HostError);
  return (thrown as HostError).message;
};

test('IPv4: what comes by one interface has its address as local, routed senders too', async () => {
  const system = makeSystem();
  await system.open(IPV4, '10.0.0.1');
  await system.open(IPV4, '10.0.1.1');
  for (const remote of ['10.0.0.9', '192.0.2.9']) {
    system.arrive(IPV4, 'e0', remote);
    assert.equal(system.got(), [`10.0.0.1 < ${remote}`]);
  }
  for (const remote of ['10.0.1.9', '192.0.2.9', '10.0.0.9']) {
    system.arrive(IPV4, 'e1', remote); // the last with the address of another network: so be it
    assert.equal(system.got(), [`10.0.1.1 < ${remote}`]);
  }
});

test('what comes before the interfaces are kept apart is not heard', async () => {
  const system = makeSystem();
  await system.open(IPV4, '10.0.0.1');
  assert.is(system.log[0], 'join 10.0.0.1');
  assert.equal(system.got(), []);
});

test('a neighbour on an interface that only another program has joined is not heard', async () => {
  const system = makeSystem();
  await system.open(IPV4, '10.0.0.1');
  system.arrive(IPV4, 'e2', '10.0.2.9');
  assert.equal(system.got(), []);
  await system.open(IPV4, '10.0.1.1');
  system.arrive(IPV4, 'e2', '10.0.2.9');
  assert.equal(system.got(), []);
});

test('two addresses of one interface get a copy each and do not shut each other out', async () => {
  const system = makeSystem();
  for (const ip of ['10.0.0.1', '10.0.0.2', '10.0.1.1']) await system.open(IPV4, ip);
  system.arrive(IPV4, 'e0', '192.0.2.9');
  assert.equal(system.got(), ['10.0.0.1 < 192.0.2.9', '10.0.0.2 < 192.0.2.9']);
  system.arrive(IPV4, 'e1', '192.0.2.9');
  assert.equal(system.got(), ['10.0.1.1 < 192.0.2.9']);
});

test('an interface is opened again only when its last member goes, and before it goes', async () => {
  const system = makeSystem();
  await system.open(IPV4, '10.0.1.1');
  const first = await system.open(IPV4, '10.0.0.1');
  const second = await system.open(IPV4, '10.0.0.2');
  system.log.length = 0;
  await first.close();
  assert.equal(system.log, ['close 10.0.0.1']);
  await second.close();
  assert.equal(system.log.slice(1), ['10.0.1.1 opens 10.0.0.1', 'close 10.0.0.2']);
  await second.close();
  assert.is(system.log.length, 4);
});

test('another group or port is another matter', async () => {
  const system = makeSystem();
  await system.open(IPV4, '10.0.0.1');
  await system.open('224.0.0.107', '10.0.1.1');
  await system.open(IPV4, '10.0.1.1', 320);
  assert.equal(
    system.log.filter((line) => line.includes('shuts')),
    [],
  );
});

test('IPv4 where nothing can be shut: neighbours are told apart, others reported', async () => {
  const system = makeSystem({ canShut: false });
  await system.open(IPV4, '10.0.0.1');
  system.arrive(IPV4, 'e0', '192.0.2.9');
  assert.equal(system.got(), ['10.0.0.1 < 192.0.2.9']); // alone there is no doubt
  await system.open(IPV4, '10.0.1.1');
  system.arrive(IPV4, 'e1', '10.0.1.9');
  assert.equal(system.got(), ['10.0.1.1 < 10.0.1.9']);
  system.arrive(IPV4, 'e1', '192.0.2.9');
  assert.equal(system.got(), ['10.0.0.1: EINTERFACE', '10.0.1.1: EINTERFACE']);
});

test('two interfaces in one network: a neighbour of both is in doubt, unless shut out', async () => {
  const extra = { e3: [{ address: '10.0.0.3', netmask: '255.255.255.0' }] };
  const list = [...LIST, ...readInterfaces(extra)];
  for (const canShut of [true, false]) {
    const system = makeSystem({ canShut, list });
    await system.open(IPV4, '10.0.0.1');
    system.arrive(IPV4, 'e0', '10.0.0.9');
    assert.equal(system.got(), ['10.0.0.1 < 10.0.0.9']);
    await system.open(IPV4, '10.0.0.3');
    system.arrive(IPV4, 'e0', '10.0.0.9');
    const [first] = system.got();
    assert.is(first, canShut ? '10.0.0.1 < 10.0.0.9' : '10.0.0.1: EINTERFACE');
  }
});

test('IPv6 of one link is bound to the link, whoever sends', async () => {
  const system = makeSystem();
  await system.open(LINK, 'fd00:1::1');
  await system.open(LINK, 'fd00:2::1');
  system.arrive(LINK, 'e1', '2001:db8::9');
  assert.equal(system.got(), ['fd00:2::1 < 2001:db8::9']);
  system.arrive(LINK, 'e1', 'fe80::9'); // Deno leaves out the zone
  system.arrive(LINK, 'e1', 'fe80::8%e1');
  assert.equal(system.got(), ['fd00:2::1 < fe80::8%e1', 'fd00:2::1 < fe80::9%e1']);
});

test('IPv6 of wider scope is told by the sender: zone, neighbour, or no telling', async () => {
  const system = makeSystem();
  await system.open(WIDE, 'fd00:1::1');
  system.arrive(WIDE, 'e0', '2001:db8::9');
  assert.equal(system.got(), ['fd00:1::1 < 2001:db8::9']);
  await system.open(WIDE, 'fe80::1%e1');
  system.arrive(WIDE, 'e0', 'fd00:1::9');
  system.arrive(WIDE, 'e1', 'fd00:2::9');
  system.arrive(WIDE, 'e1', 'fe80::9%e1');
  const heard = ['fd00:1::1 < fd00:1::9', 'fe80::1%e1 < fd00:2::9', 'fe80::1%e1 < fe80::9%e1'];
  assert.equal(system.got(), heard);
  for (const remote of ['2001:db8::9', 'fe80::9']) {
    system.arrive(WIDE, 'e1', remote);
    assert.equal(system.got(), ['fd00:1::1: EINTERFACE', 'fe80::1%e1: EINTERFACE']);
  }
});

test('where interfaces are secret one IPv4 address can join, two and IPv6 cannot', async () => {
  const system = makeSystem({ list: null });
  await system.open(IPV4, '10.0.0.1');
  system.arrive(IPV4, 'e0', '192.0.2.9');
  assert.equal(system.got(), ['10.0.0.1 < 192.0.2.9']);
  const why = await message(system.open(IPV4, '10.0.1.1'));
  assert.match(why, 'cannot join 224.0.1.129 from 10.0.1.1:319: EPERM, interfaces must be told');
  assert.is(system.log.at(-1), 'close 10.0.1.1');
  assert.match(await message(system.open(WIDE, 'fd00:1::1')), '--allow-sys=networkInterfaces');
});

test('mistakes are told in one sentence', async () => {
  const { open } = makeSystem();
  assert.is(
    await message(open('10.0.0.9', '10.0.0.1')),
    'cannot join 10.0.0.9 from 10.0.0.1:319: it is no multicast address',
  );
  for (const group of ['240.0.0.1', '223.255.255.255', 'fe80::1', 'host', '']) {
    assert.match(await message(open(group, '10.0.0.1')), 'it is no multicast address');
  }
  assert.match(await message(open(WIDE, '10.0.0.1')), 'is of another family');
  assert.match(await message(open('ff02::181%e0', 'fd00:1::1')), 'write it without zone');
  for (const [group, ip] of [
    [IPV4, '0.0.0.0'],
    [WIDE, '::'],
  ] as const) {
    assert.match(await message(open(group, ip)), 'EINVAL, groups live on one interface each');
  }
  assert.match(await message(open(IPV4, '203.0.113.7')), 'EADDRNOTAVAIL, no interface of this');
  assert.match(await message(open(WIDE, 'fe80::1%e7')), 'EADDRNOTAVAIL, no interface of this');
  assert.match(await message(open(WIDE, 'fe80::1')), 'needs its zone, e.g. fe80::1%eth0');
  assert.match(await message(open(IPV4, '10.0.0.1', 70000)), 'the port must be');
  for (const [code, why] of [
    ['EADDRINUSE', 'another program holds the port and does not share it'],
    ['EADDRNOTAVAIL', 'ENOTSUP, this system binds no socket to a group'],
    ['ENODEV', 'EADDRNOTAVAIL, no interface of this machine has this address'],
    ['EPERM', 'EPERM, text of the system'],
  ] as const) {
    const system = makeSystem({ fail: coded(code, 'text of the system') });
    assert.match(await message(system.open(IPV4, '10.0.0.1')), why);
  }
});

test('a zone and a spelling of the local address are kept as asked and canonical', async () => {
  const { open } = makeSystem();
  const local = async (group: string, ip: string): Promise<Address> =>
    (await open(group, ip)).local;
  assert.equal(await local(WIDE, 'FD00:1:0::1'), { ip: 'fd00:1::1', port: PORT });
  assert.equal(await local('FF0E:0::181', 'fe80::1%e1'), { ip: 'fe80::1%e1', port: PORT });
});

test.run();
