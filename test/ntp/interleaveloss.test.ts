/**
 * Both machines over a network that loses, delays, doubles and reorders, with departures that only
 * the host knows, a server that forgets everything and clocks that stand still: whatever happens,
 * the four stamps of an exchange are of one request and its answer (RFC 9769 §2, NTP-C6).
 */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Output } from '../../src/machine.ts';
import { createNtpClient, nextTimer, status, stepNtpClient } from '../../src/ntp/client.ts';
import { createNtpServer, type NtpServer, stepNtpServer } from '../../src/ntp/server.ts';
import { stamp, tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import { DEFAULTS, OPEN_SERVER } from './rig.ts';
import { toHex } from './wire.ts';

const test = suite('ntp interleaved under loss');

const MS = 1e6;
const CLIENT = { ip: '198.51.100.7', port: 40123 };
const SERVER = { ip: '192.0.2.1', port: 123 };

/** What the network does to one poll. (ms; null: lost) */
interface Fate {
  /** Copies of the request, and how long each is under way. */
  request: number[];
  /** The same for each answer. */
  reply: number[];
  /** From the stamp in user space to the true departure of an answer (us), and until it is told. */
  leavesUs: number;
  toldMs: number | null;
  event: 'none' | 'restart' | 'server-step' | 'client-step';
}

interface World {
  /** How coarse the clocks are. (ns) */
  grainNs: number;
  fates: Fate[];
}

/** What truly happened to one answer. */
interface Answer {
  requestSentNs: number;
  receive: string;
  /** As the server wrote it before the send; of interleaved answers nothing. */
  sealed: string | null;
  departed: string | null;
  arrivedNs: Set<number>;
}

const delays = (most: number) => fc.array(fc.integer({ min: 1, max: 180 }), { maxLength: most });
const calm: Fate = { request: [5], reply: [5], leavesUs: 50, toldMs: 1, event: 'none' };
const ways = fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([5]) }, delays(3));
const fate: fc.Arbitrary<Fate> = fc.record({
  request: ways,
  reply: ways,
  leavesUs: fc.integer({ min: 0, max: 900 }),
  toldMs: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.constantFrom(null, 0, 70, 130)),
  event: fc.oneof(
    { weight: 12, arbitrary: fc.constant('none' as const) },
    fc.constantFrom('restart' as const, 'server-step' as const, 'client-step' as const),
  ),
});
const world: fc.Arbitrary<World> = fc.record({
  grainNs: fc.constantFrom(1, 1000, MS),
  fates: fc.array(fate, { minLength: 3, maxLength: 40 }),
});

const newServer = (): NtpServer =>
  createNtpServer({
    ...OPEN_SERVER,
    source: { ...OPEN_SERVER.source, precisionLog2S: -10 },
    interleaved: { tableSize: 8 },
  });

/** Runs a world to its end; @returns the exchanges' count, having checked each. */
function play({ grainNs, fates }: World): { exchanges: number; interleaved: number } {
  const client = createNtpClient({
    ...DEFAULTS,
    paths: [{ remote: SERVER, localIp: CLIENT.ip, interleaved: true }],
    minPollLog2S: -4, // 62.5 ms: answers overtake requests
    maxPollLog2S: -4,
    budget: 'per-path',
  });
  let server = newServer();
  const random = createRandom(fates.length);
  const events: { atNs: number; turn: number; run: (atNs: number) => void }[] = [];
  let turns = 0;
  const at = (atNs: number, run: (atNs: number) => void) =>
    events.push({ atNs, turn: turns++, run });
  const answers = new Map<string, Answer>();
  const measured = new Set<number>();
  const receives = new Map<NtpServer, Set<string>>();
  let exchanges = 0;
  let polls = 0;
  let serverAheadNs = 7e9;
  const coarse = (ns: number) => stamp(Math.floor(ns / grainNs) * grainNs);

  function poll(nowNs: number): void {
    const input = { type: 'timeout', nowNs: tick(nowNs), random: random.bytes(64) } as const;
    for (const output of stepNtpClient(client, input)) {
      if (output.type === 'timer' && polls < fates.length) at(output.atNs, poll);
      if (output.type === 'transmit') send(output, nowNs);
    }
  }

  function send(output: Output & { type: 'transmit' }, nowNs: number): void {
    const how = fates[polls++] ?? calm;
    if (how.event === 'restart') server = newServer();
    if (how.event === 'server-step') serverAheadNs -= 13 * MS; // nobody tells it
    if (how.event === 'client-step') {
      stepNtpClient(client, { type: 'clock-step', byS: 0 as never, nowNs: tick(nowNs) });
    }
    // Local stamps are told apart by their value, so the client's clock is fine
    const { context = 0 } = output;
    const sentAtNs = stamp(nowNs);
    stepNtpClient(client, { type: 'sent', context, sentAtNs, nowNs: tick(nowNs) });
    for (const ms of how.request) {
      at(nowNs + ms * MS, (arrivalNs) => serve(output.bytes, nowNs, arrivalNs, how));
    }
  }

  function serve(bytes: Uint8Array, requestSentNs: number, nowNs: number, how: Fate): void {
    const one = server;
    const datagram = {
      bytes,
      local: SERVER,
      remote: CLIENT,
      receivedAtNs: coarse(nowNs + serverAheadNs),
    };
    const [output] = stepNtpServer(one, { type: 'datagram', datagram, nowNs: tick(nowNs) });
    assert.ok(output?.type === 'transmit');
    output.seal?.(output.bytes, coarse(nowNs + serverAheadNs));
    const receive = toHex(output.bytes.subarray(32, 40));
    const transmit = toHex(output.bytes.subarray(40, 48));
    assert.is.not(receive, transmit);
    if (output.seal !== undefined) assert.ok(transmit > receive, 'left before the request came');
    // two copies of a basic request that come at one moment have one answer
    const answer: Answer = answers.get(`${requestSentNs} ${receive}`) ?? {
      requestSentNs,
      receive,
      sealed: output.seal === undefined ? null : transmit,
      departed: null,
      arrivedNs: new Set(),
    };
    if (output.context !== undefined) {
      const given = receives.get(one) ?? new Set();
      assert.not(given.has(receive), 'a receive timestamp comes twice');
      receives.set(one, given.add(receive));
    }
    answers.set(`${requestSentNs} ${receive}`, answer);
    const { context } = output;
    if (context !== undefined && how.toldMs !== null) {
      const sentAtNs = coarse(nowNs + serverAheadNs + how.leavesUs * 1000);
      at(nowNs + how.toldMs * MS, (toldNs) => {
        stepNtpServer(one, { type: 'sent', context, sentAtNs, nowNs: tick(toldNs) });
        const slot = one.saved?.context.length ?? 1;
        const kept = one.saved?.receive[context % slot];
        const left = one.saved?.transmit[context % slot];
        if (kept !== undefined && left !== undefined && hexOf(kept) === receive) {
          answer.departed = hexOf(left);
        }
      });
    }
    for (const ms of how.reply) {
      at(nowNs + ms * MS, (arrivalNs) => hear(output.bytes, answer, arrivalNs));
    }
  }

  function hear(bytes: Uint8Array, answer: Answer, nowNs: number): void {
    answer.arrivedNs.add(nowNs);
    const datagram = { bytes, local: CLIENT, remote: SERVER, receivedAtNs: stamp(nowNs) };
    const outputs = stepNtpClient(client, { type: 'datagram', datagram, nowNs: tick(nowNs) });
    for (const output of outputs) if (output.type === 'exchange') check(output);
  }

  function check({ packet, localSendNs, localReceiveNs }: Output & { type: 'exchange' }): void {
    exchanges++;
    const receive = toHex(packet.subarray(32, 40));
    const transmit = toHex(packet.subarray(40, 48));
    const answer = answers.get(`${localSendNs} ${receive}`);
    assert.ok(answer, `no request that left at ${localSendNs} came at ${receive}`);
    assert.ok(answer.arrivedNs.has(localReceiveNs), `${receive} never arrived then`);
    assert.ok(
      transmit === answer.sealed || transmit === answer.departed,
      `${receive} left at ${answer.sealed}, ${answer.departed}; not at ${transmit}`,
    );
    assert.ok(transmit > receive, 'the core would refuse it');
    assert.not(measured.has(localSendNs), 'measured twice');
    measured.add(localSendNs);
  }

  at(nextTimer(client) ?? 0, poll);
  while (events.length > 0) {
    events.sort((a, b) => a.atNs - b.atNs || a.turn - b.turn);
    const next = events.shift();
    next?.run(next.atNs);
  }
  return { exchanges, interleaved: status(client)[0]?.interleaved ?? 0 };
}

const hexOf = ({ seconds, fraction }: { seconds: number; fraction: number }): string =>
  [seconds, fraction].map((word) => word.toString(16).padStart(8, '0')).join('');

test('over any network the stamps of an exchange belong together, and none counts twice', () => {
  let interleaved = 0;
  let exchanges = 0;
  fc.assert(
    fc.property(world, (one) => {
      const got = play(one);
      interleaved += got.interleaved;
      exchanges += got.exchanges;
    }),
    { numRuns: 1500, seed: 9769, includeErrorInReport: true },
  );
  assert.ok(interleaved > 2000 && exchanges > 5000, `${interleaved} of ${exchanges}: a blunt test`);
});

test('over a calm network every answer from the third on is interleaved, and every exchange counts', () => {
  const fates = Array.from({ length: 40 }, () => calm);
  assert.equal(play({ grainNs: 1, fates }), { exchanges: 39, interleaved: 38 });
});

test('a lost request or answer costs at most a few polls of interleaved mode, and comes back', () => {
  for (const loss of [{ request: [] }, { reply: [] }]) {
    const fates = Array.from({ length: 40 }, (_, n) => (n === 20 ? { ...calm, ...loss } : calm));
    const { exchanges, interleaved } = play({ grainNs: 1, fates });
    assert.ok(exchanges >= 37, `${exchanges}`);
    assert.ok(interleaved >= 36, `${interleaved}`);
  }
});

test('a server that starts anew answers in basic mode, and is soon interleaved again', () => {
  const fates = Array.from({ length: 40 }, (_, n) =>
    n === 20 ? { ...calm, event: 'restart' as const } : calm,
  );
  const { exchanges, interleaved } = play({ grainNs: 1, fates });
  assert.ok(exchanges >= 38 && interleaved >= 36, `${interleaved} of ${exchanges}`);
});

test.run();
