import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostError } from '../../src/errors.ts';
import { chooseHost } from '../../src/udp/choose.ts';
import { codeOf } from '../../src/udp/codes.ts';
import { makeHost, refusal, senderIp, setTimer } from '../../src/udp/common.ts';

const test = suite('udp common');
const scope = globalThis as { Deno?: { listenDatagram?: unknown }; Bun?: unknown };
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('the plain host is chosen by what the runtime has', () => {
  const { name, whyPlain } = chooseHost('plain');
  assert.is(whyPlain, undefined); // it was asked for
  if (scope.Deno?.listenDatagram) assert.is(name, 'Deno.listenDatagram');
  else if (scope.Deno) assert.is(name, 'node:dgram (Deno without --unstable-net)');
  else assert.is(name, scope.Bun ? 'Bun.udpSocket' : 'node:dgram');
});

test('kernel stamps are taken where they work, and where they do not it says why', () => {
  const { name, whyPlain } = chooseHost();
  if (whyPlain === undefined) {
    const ffi = scope.Deno ? 'Deno.dlopen' : scope.Bun ? 'bun:ffi' : 'koffi';
    assert.is(name, `Linux (${ffi})`);
    assert.is(chooseHost('kernel').name, name);
  } else {
    assert.match(whyPlain, 'no kernel timestamps: ');
    assert.is(name, chooseHost('plain').name);
    assert.throws(
      () => chooseHost('kernel'),
      (error: unknown) => error instanceof HostError && error.message === whyPlain,
    );
  }
});

test('error codes of three runtimes are named alike', () => {
  const named = (name: string, code?: string) => Object.assign(new Error('x'), { name, code });
  assert.is(codeOf(named('NetworkUnreachable')), 'ENETUNREACH');
  assert.is(codeOf(named('ConnectionRefused')), 'ECONNREFUSED');
  assert.is(codeOf(named('NotCapable')), 'EACCES');
  assert.is(codeOf(named('PermissionDenied')), 'EACCES');
  assert.is(codeOf(named('AddrInUse', 'EADDRINUSE')), 'EADDRINUSE');
  assert.is(codeOf(named('AddrNotAvailable')), 'EADDRNOTAVAIL');
  assert.is(codeOf(named('BadResource')), 'EBADF');
  assert.is(codeOf(named('TypeError', 'EINVAL')), 'EINVAL');
  assert.is(codeOf(named('Error', 'EHOSTUNREACH')), 'EHOSTUNREACH');
  assert.is(codeOf(named('Error', 'ERR_SOCKET_DGRAM_NOT_RUNNING')), 'EBADF');
  assert.is(codeOf(named('RangeError', 'ERR_SOCKET_BAD_PORT')), 'EINVAL');
  for (const strange of [null, undefined, 'text', 7, new Error('x')]) {
    assert.is(codeOf(strange), 'UNKNOWN');
  }
});

test('a bind error says what to do', async () => {
  const message = async (ip: string, port: number, cause: object): Promise<string> => {
    const refuse = () => Promise.reject(Object.assign(new Error('why'), cause));
    const host = makeHost('fake', refuse, refuse);
    try {
      await host.openUdp({ ip, port }, { onDatagram: () => {}, onError: () => {} });
    } catch (error) {
      return (error as HostError).message;
    }
    return assert.unreachable() as never;
  };
  const low = await message('192.0.2.1', 123, { code: 'EACCES' });
  assert.match(low, 'cannot bind 192.0.2.1:123: EACCES, ports below 1024 need a privilege: ');
  assert.match(low, 'CAP_NET_BIND_SERVICE');
  assert.is(
    await message('0:0::1', 8123, { code: 'EACCES' }),
    'cannot bind [::1]:8123: EACCES, why',
  );
  assert.match(await message('::1', 123, { name: 'NotCapable' }), '[::1]:123: EACCES, why');
  assert.match(await message('fe80::1', 1123, { code: 'EINVAL' }), 'zone, e.g. fe80::1%eth0');
});

test('a link-local sender without a zone gets the one of the socket', () => {
  const zoned = { ip: 'fe80::2%eth0', port: 1 };
  assert.is(senderIp('fe80::0:1', zoned), 'fe80::1%eth0');
  assert.is(senderIp('fe80::1%eth1', zoned), 'fe80::1%eth1');
  assert.is(senderIp('2001:DB8::1', zoned), '2001:db8::1');
  assert.is(senderIp('fe80::1', { ip: '::', port: 1 }), 'fe80::1');
  assert.is(senderIp('::ffff:192.0.2.1', { ip: '::', port: 1 }), '192.0.2.1');
});

test('family and port are judged before a runtime can mistake them', () => {
  const local = { ip: '127.0.0.1', port: 1 };
  assert.is(refusal(local, { ip: '127.0.0.1', port: 65535 }), null);
  assert.is(refusal(local, { ip: '127.0.0.1', port: 65536 }), 'EINVAL');
  assert.is(refusal(local, { ip: '::1', port: 1 }), 'EAFNOSUPPORT');
});

test('a delay beyond setTimeout does not fire at once', async () => {
  let calls = 0;
  const cancels = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY].map((delayMs) =>
    setTimer(() => calls++, delayMs),
  );
  await sleep(20);
  for (const cancel of cancels) cancel();
  assert.is(calls, 0);
});

test('a delay in several parts comes once, after all of them, and can be cancelled in any', async () => {
  const from = performance.now();
  let calls = 0;
  let cancelledCalls = 0;
  let spanMs = 0;
  setTimer(
    () => {
      calls++;
      spanMs = performance.now() - from;
    },
    30,
    8,
  );
  const cancel = setTimer(() => cancelledCalls++, 30, 8);
  await sleep(12); // in the second part by now
  cancel();
  while (calls === 0 && performance.now() - from < 5000) await sleep(5);
  await sleep(20);
  assert.is(calls, 1);
  assert.is(cancelledCalls, 0);
  assert.ok(spanMs >= 26, `came after ${spanMs} ms`); // each part may be up to 1 ms early
});

test('zero, negative and NaN delays mean soon', async () => {
  let calls = 0;
  for (const delayMs of [0, -5, Number.NaN]) setTimer(() => calls++, delayMs);
  await sleep(50);
  assert.is(calls, 3);
});

test.run();
