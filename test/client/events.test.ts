/** Events of a client on real loopback sockets, in whichever runtime this is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openClient } from '../../src/client.ts';
import { type FateOf, impairedHost } from '../../src/demo/impair.ts';
import type { ClockEvent } from '../../src/events.ts';
import { localSource, openServer } from '../../src/serve.ts';
import { formatTarget } from '../../src/target.ts';
import { host } from './loopback.ts';

const test = suite('client events');
const FINE = { delayMs: 0 };
const LOST = { delayMs: Number.POSITIVE_INFINITY };
const LOCALS = ['127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6', '127.0.0.7'];

/** Seconds that a reply's receive and transmit stamps are moved by, whole ones. */
function ahead(bytes: Uint8Array, s: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const at of [32, 40]) view.setUint32(at, view.getUint32(at) + s);
}

/** A client over five paths to a server whose replies meet this fate; resolves when told so. */
async function events(
  fateOf: FateOf,
  isEnough: (events: readonly ClockEvent[], samples: number) => boolean,
): Promise<ClockEvent[]> {
  const far = impairedHost(host, fateOf);
  const server = await openServer({
    ...{ host: far, addresses: ['127.0.0.1'], port: 0, rateLimit: null },
    source: localSource(3, far),
  });
  const seen: ClockEvent[] = [];
  let samples = 0;
  let done = () => {};
  const enough = new Promise<void>((resolve) => {
    done = resolve;
  });
  const cancel = host.setTimer(() => done(), 15_000);
  const check = () => {
    if (isEnough(seen, samples)) done();
  };
  const client = await openClient({
    ...{ host, locals: LOCALS, budget: 'per-path', iburst: 0 },
    ...{ minPollLog2S: -4, maxPollLog2S: -4 },
    servers: [formatTarget('127.0.0.1', server.addresses[0]?.port ?? 0)],
    events: {
      onSample() {
        samples++;
        check();
      },
      onEvent(event) {
        seen.push(event);
        check();
      },
    },
  });
  await enough;
  cancel();
  await client.close();
  await server.close();
  return seen;
}

test('a path whose stamps lie is named while it lies, once: contradiction, then suspicion', async () => {
  const startS = host.clock.epochS + host.clock.now() / 1e9;
  const seen = await events(
    (_, to) => (to.ip === '127.0.0.4' ? { delayMs: 0, alter: (bytes) => ahead(bytes, 2) } : FINE),
    (_, samples) => samples >= 250,
  );
  const accused = seen.filter(({ type }) => type === 'contradiction' || type === 'suspicion');
  assert.equal(
    accused.map((event) => ('path' in event ? `${event.type} ${event.path}` : event.type)),
    ['contradiction 127.0.0.1|127.0.0.4', 'suspicion 127.0.0.1|127.0.0.4'],
  );
  for (const { atS, reason } of accused) {
    assert.ok(atS >= startS && atS < startS + 20, `${atS - startS} s after the start`);
    assert.match(reason, /contradicts? what all paths together allow/);
  }
});

test('all replies lost: holdover as it happens, back with the first reply', async () => {
  let isLost = false;
  const seen = await events(
    () => (isLost ? LOST : FINE),
    (so, samples) => {
      const held = so.some(({ type }) => type === 'holdover');
      isLost = !held && samples >= 30;
      return so.some(({ type }) => type === 'back');
    },
  );
  const held = seen.filter(({ type }) => type === 'holdover' || type === 'back');
  assert.equal(
    held.map(({ type }) => type),
    ['holdover', 'back'],
  );
  assert.ok((held[1]?.atS ?? 0) > (held[0]?.atS ?? 0));
  assert.is(held[0]?.reason, 'no path is heard: the clock is held over');
});

test('an ordinary run accuses nobody', async () => {
  const seen = await events(
    () => FINE,
    (_, samples) => samples >= 150,
  );
  // a busy machine may well make routes and clocks look changed
  const accused = seen.filter(({ type }) => type !== 'rerouted' && type !== 'step');
  assert.equal(accused, []);
});

test.run();
