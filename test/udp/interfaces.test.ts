import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  interfaceAddresses,
  interfaceOf,
  neighbourOn,
  readInterfaces,
} from '../../src/udp/interfaces.ts';

const test = suite('interfaces');

const V4_24 = '255.255.255.0';
const V6_64 = 'ffff:ffff:ffff:ffff::';
const LIST = readInterfaces({
  lo: [
    { address: '127.0.0.1', netmask: '255.0.0.0' },
    { address: '::1', netmask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' },
  ],
  eth0: [
    { address: '10.0.0.1', netmask: '255.0.0.0' },
    { address: '2001:DB8:0::1', netmask: V6_64 },
    { address: 'fe80::1', netmask: V6_64 },
  ],
  'eth0:1': [{ address: '192.0.2.1', netmask: V4_24 }],
  eth1: [
    { address: '10.1.0.1', netmask: '255.255.0.0' },
    { address: 'fe80::1', netmask: V6_64 },
    { address: 'fe80::2%eth1', netmask: V6_64 },
  ],
  eth2: [{ address: '10.1.0.2', netmask: '255.255.0.0' }],
  home: [{ address: '198.51.100.1', netmask: '255.255.255.255' }],
  tun: [{ address: '203.0.113.1', netmask: '0.0.0.0' }],
  down: undefined,
});

test('an address is found on its interface, a link-local one on that of its zone', () => {
  assert.is(interfaceOf(LIST, '10.0.0.1'), 'eth0');
  assert.is(interfaceOf(LIST, '10.0.0.9'), null);
  assert.is(interfaceOf(LIST, '2001:db8::1'), 'eth0');
  assert.is(interfaceOf(LIST, 'fe80::1%eth0'), 'eth0');
  assert.is(interfaceOf(LIST, 'fe80::1%eth1'), 'eth1');
  assert.is(interfaceOf(LIST, 'fe80::2%eth1'), 'eth1');
  assert.is(interfaceOf(LIST, 'fe80::2%eth0'), null);
});

test('a label is no interface of its own', () => {
  assert.is(interfaceOf(LIST, '192.0.2.1'), 'eth0');
});

test('all of 127/8 is on the loopback interface', () => {
  assert.is(interfaceOf(LIST, '127.8.9.10'), 'lo');
  assert.is(interfaceOf([], '127.8.9.10'), null);
});

test('a neighbour is on the interface with the longest prefix, on several if they share it', () => {
  assert.equal(neighbourOn(LIST, '10.2.0.1'), ['eth0']);
  assert.equal(neighbourOn(LIST, '10.1.0.77'), ['eth1', 'eth2']);
  assert.equal(neighbourOn(LIST, '2001:db8::ffff'), ['eth0']);
  assert.equal(neighbourOn(LIST, '127.0.0.77'), ['lo']);
});

test('whoever is behind a router, or link-local without zone, is no neighbour of one', () => {
  for (const ip of ['8.8.8.8', '2001:db9::1', 'fe80::9', '198.51.100.2', 'a00:1::', '::2']) {
    assert.equal(neighbourOn(LIST, ip), [], ip);
  }
  assert.equal(neighbourOn(LIST, '198.51.100.1'), ['home']); // ourselves
});

test('this machine has a loopback address with a network', () => {
  const found = interfaceAddresses()?.find(({ ip }) => ip === '127.0.0.1');
  assert.is(found?.network, '01111111');
});

test.run();
