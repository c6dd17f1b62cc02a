/** `serve --workers` in this process, so that its sockets can be taken away. */
import { readdirSync, readlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArgs } from '../../src/cli/args.ts';
import { serveCommand } from '../../src/cli/serve.ts';
import { chooseHost } from '../../src/udp/choose.ts';
import { loadFfi } from '../../src/udp/linux/host.ts';
import { isPlain } from '../../src/udp/udp.ts';

const test = suite('cli: a server without workers left');

test('all workers dead: said, counted, exit code 1, so that a supervisor starts it again', async () => {
  const ffi = loadFfi();
  if (typeof ffi === 'string' || isPlain(chooseHost('auto'))) {
    return console.log('    no kernel stamps here: skipped');
  }
  const args = readArgs(serveCommand, ['127.0.0.1', '--port', '0', '--workers', '2']);
  if (args === null) throw new Error('no arguments');
  const sockets = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
      } catch {
        return false;
      }
    });
  const before = new Set(sockets());
  const said: string[] = [];
  const ended = serveCommand.run(args, {
    out: () => Promise.resolve(),
    err(text) {
      said.push(text);
      if (!text.includes('serving on')) return;
      for (const fd of sockets()) if (!before.has(fd)) ffi.libc.close(Number(fd));
    },
    isTty: false,
    columns: 100,
    signal: AbortSignal.timeout(20_000),
  });
  assert.is(await ended, 1);
  const text = said.join('');
  assert.match(text, /has died, 1 serve its clients now/);
  assert.match(text, /has died, nobody is served any more/);
  assert.match(text, /0 requests, 0 answered\n$/);
});

test.run();
