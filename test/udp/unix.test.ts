/** Datagrams to a Unix socket: to one that comes late, goes, and comes again at the same path. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { makeBatch } from '../../src/udp/linux/batch.ts';
import { AF_UNIX, SOCK_DGRAM } from '../../src/udp/linux/constants.ts';
import { loadFfi } from '../../src/udp/linux/host.ts';
import type { Ffi } from '../../src/udp/linux/libc.ts';
import { allocate } from '../../src/udp/linux/memory.ts';
import { openUnixSender } from '../../src/udp/unix.ts';

const test = suite('unix datagrams');
const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** As chronyd does: a fresh socket at the path. */
function listen(ffi: Ffi, path: string) {
  rmSync(path, { force: true });
  const fd = ffi.libc.socket(AF_UNIX, SOCK_DGRAM, 0);
  const name = allocate(ffi, 110);
  name.view.setUint16(0, AF_UNIX, true);
  const { written } = new TextEncoder().encodeInto(path, name.bytes.subarray(2));
  assert.is(ffi.libc.bind(fd, name.bytes, 2 + (written ?? 0) + 1), 0);
  const batch = makeBatch(ffi, 4, 64);
  return {
    received(): number[][] {
      const count = batch.receive(fd, 0);
      return Array.from({ length: Math.max(count, 0) }, (_, n) => [...(batch.open(n) ?? [])]);
    },
    close: () => ffi.libc.close(fd),
  };
}

test('a path that no socket can have is the user’s mistake', () => {
  for (const path of ['', 'a\0b', `/${'x'.repeat(107)}`, `/${'ä'.repeat(54)}`]) {
    assert.throws(
      () => openUnixSender(path, 'output.chrony'),
      (error: unknown) => error instanceof ConfigError && /output\.chrony/.test(error.message),
    );
  }
});

const ffi = loadFfi();
if (typeof ffi === 'string') {
  test(`SKIPPED: ${ffi}`, () => console.log(`\nSKIPPED unix datagrams: ${ffi}`));
} else {
  test(`${ffi.name}: bytes arrive whole; nobody there is a code, a new listener is found`, async () => {
    const path = join(folder, `ä${'x'.repeat(99 - folder.length)}.sock`);
    const sender = openUnixSender(path);
    assert.is(sender.name, ffi.name);
    assert.is(await sender.send(Uint8Array.of(1)), 'ENOENT');
    const first = listen(ffi, path);
    const bytes = Uint8Array.from({ length: 40 }, (_, n) => 255 - n);
    assert.is(await sender.send(bytes), null);
    assert.is(await sender.send(Uint8Array.of(2, 3)), null);
    assert.equal(first.received(), [[...bytes], [2, 3]]);
    first.close();
    assert.is(await sender.send(Uint8Array.of(4)), 'ECONNREFUSED');
    const second = listen(ffi, path);
    assert.is(await sender.send(Uint8Array.of(5)), null);
    assert.equal(second.received(), [[5]]);
    let code: string | null = null;
    for (let n = 0; n < 10_000 && code === null; n++) code = await sender.send(bytes);
    assert.is(code, 'EAGAIN', 'a full queue does not block');
    second.close();
    sender.close();
    sender.close();
    assert.is(await sender.send(Uint8Array.of(6)), 'EBADF');
  });
}

test.run();
