import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pathKey } from '../../src/path.ts';
import { ANSWER_NS, regularSpacingNs } from '../../src/ptp/requests.ts';
import { follow, sent, status, stepClock } from '../../src/ptp/slave.ts';
import { NO_TIMESTAMP, type Timestamp } from '../../src/ptp/timestamp.ts';
import {
  type Asked,
  createRig,
  delayResp,
  drops,
  EPOCH_NS,
  events,
  FOLLOWING,
  idOf,
  localAt,
  masterTime,
  OTHER,
  oneWays,
  own,
  PATH,
  pdelayFollowUp,
  pdelayResp,
  protocolState,
  REMOTE,
  type Rig,
  S,
  sync,
  transit,
} from './slaverig.ts';

const test = suite('ptp slave: peer delay');

const THERE_NS = 30_000;
const BACK_NS = 50_000;
const HELD_NS = 200_000;

const who = ({ message }: Asked) => message.header.sourcePortIdentity;
const createP2p = (paths?: Parameters<typeof createRig>[1], log = 0): Rig =>
  createRig({ delayMechanism: 'P2P' }, paths, { ...FOLLOWING, logDelayInterval: log });

/** The true times of an exchange: request received, response sent, response received. */
const times = ({ atNs }: Asked) => {
  const receivedNs = atNs + THERE_NS;
  const respondedNs = receivedNs + HELD_NS;
  return { receivedNs, respondedNs, backNs: respondedNs + BACK_NS };
};
/** A first request, its Sync sent at 0 and received after BACK_NS. */
function first(rig: Rig): Asked {
  rig.at(BACK_NS).hear(sync(1, {}, masterTime(0)));
  const asked = rig.run(S)[0];
  if (asked === undefined) throw new Error('nothing was asked');
  return asked;
}
/** Both halves of a two-step answer with true stamps, in order. */
function answer(rig: Rig, asked: Asked, respBut = {}, fuBut = {}) {
  const { receivedNs, respondedNs, backNs } = times(asked);
  rig.at(backNs);
  return [
    ...rig.hear(pdelayResp(idOf(asked), who(asked), masterTime(receivedNs), respBut), asked.path),
    ...rig.hear(
      pdelayFollowUp(idOf(asked), who(asked), masterTime(respondedNs), fuBut),
      asked.path,
    ),
  ];
}

test('Pdelay_Req goes unicast over the path of the Sync, 54 octets (PTP-P1, PTP-P2)', () => {
  const asked = first(createP2p());
  assert.is(asked.message.type, 'Pdelay_Req');
  assert.is(asked.bytes.length, 54);
  assert.equal(asked.bytes.subarray(44), new Uint8Array(10));
  assert.is(asked.to.ip, REMOTE);
  assert.is(asked.to.port, 319);
  assert.is(asked.message.header.flags.unicast, true);
  assert.equal(who(asked), own(1));
});

test('a two-step exchange with true stamps measures both directions (PTP-P1)', () => {
  const rig = createP2p();
  const asked = first(rig);
  const { receivedNs, respondedNs, backNs } = times(asked);
  const outputs = answer(rig, asked);
  assert.equal(events(outputs), ['reachable: measured both ways']);
  assert.equal(oneWays(outputs), [
    {
      type: 'oneway',
      path: PATH,
      direction: 'reverse',
      remoteNs: EPOCH_NS + BigInt(receivedNs),
      correction: 0n,
      localNs: localAt(asked.atNs),
    },
    {
      type: 'oneway',
      path: PATH,
      direction: 'forward',
      remoteNs: EPOCH_NS + BigInt(respondedNs),
      correction: 0n,
      localNs: localAt(backNs),
    },
  ]);
  assert.is(status(rig.slave)[0]?.peerDelayNs, (THERE_NS + BACK_NS) / 2);
});

test('corrections of both answers count: the request’s stands in the Follow_Up', () => {
  const rig = createP2p();
  const asked = first(rig);
  const outputs = answer(
    rig,
    asked,
    { correctionField: (1000n << 16n) + 1n },
    { correctionField: 400n << 16n },
  );
  const [reverse, forward] = oneWays(outputs);
  assert.is(reverse?.correction, 400n << 16n);
  assert.is(forward?.correction, (1000n << 16n) + 1n);
  const mean = status(rig.slave)[0]?.peerDelayNs ?? 0;
  assert.ok(Math.abs(mean - (THERE_NS + BACK_NS - 1400) / 2) < 1e-4);
});

test('the Follow_Up may come first (BASE-B6)', () => {
  const [ordered, reversed] = [createP2p(), createP2p()];
  const expected = answer(ordered, first(ordered));
  const asked = first(reversed);
  const { receivedNs, respondedNs, backNs } = times(asked);
  reversed.at(backNs);
  const early = pdelayFollowUp(idOf(asked), own(1), masterTime(respondedNs));
  assert.equal(reversed.hear(early), []);
  assert.equal(drops(reversed.hear(early)), ['duplicate']);
  assert.equal(reversed.hear(pdelayResp(idOf(asked), own(1), masterTime(receivedNs))), expected);
  assert.equal(drops(reversed.hear(early)), ['duplicate']);
});

/** Answers that tell the turnaround and no time of day (§11.4.3 c). */
const TURNAROUND_ONLY = {
  'one-step': (rig: Rig, asked: Asked) =>
    rig.hear(
      pdelayResp(idOf(asked), own(1), NO_TIMESTAMP, {
        flags: { twoStep: false },
        correctionField: BigInt(HELD_NS) << 16n,
      }),
    ),
  'two-step, in the correction': (rig: Rig, asked: Asked) => {
    rig.hear(pdelayResp(idOf(asked), own(1), NO_TIMESTAMP));
    return rig.hear(
      pdelayFollowUp(idOf(asked), own(1), NO_TIMESTAMP, {
        correctionField: BigInt(HELD_NS) << 16n,
      }),
    );
  },
  'two-step, stamps of another clock': (rig: Rig, asked: Asked) => {
    const odd = ({ nanoseconds }: Timestamp) => ({ seconds: 12345, nanoseconds });
    const { receivedNs, respondedNs } = times(asked);
    rig.hear(pdelayResp(idOf(asked), own(1), odd(masterTime(receivedNs))));
    return rig.hear(pdelayFollowUp(idOf(asked), own(1), odd(masterTime(respondedNs))));
  },
};

for (const [name, reply] of Object.entries(TURNAROUND_ONLY)) {
  test(`${name}: offset and delay come out as the standard has them (§11.2)`, () => {
    const rig = createP2p();
    const asked = first(rig);
    const correctionField = (7n << 16n) + 3n;
    rig.at(asked.atNs).hear(sync(2, { correctionField }, masterTime(asked.atNs - BACK_NS)));
    rig.at(times(asked).backNs);
    const outputs = reply(rig, asked);
    assert.is(status(rig.slave)[0]?.peerDelayNs, (THERE_NS + BACK_NS) / 2);
    const [reverse] = oneWays(outputs);
    const forward = oneWays(rig.outputs).at(-2);
    if (reverse === undefined || forward === undefined) throw new Error('not measured');
    assert.is(reverse.direction, 'reverse');
    assert.is(reverse.localNs, forward.localNs);
    const both = BigInt(THERE_NS + BACK_NS) << 16n;
    assert.is(transit(forward) + transit(reverse), both);
    assert.ok(reverse.correction <= 0n && reverse.correction > -65536n);
  });
}

test('one Sync is set against one exchange only, and none before a Sync is complete', () => {
  const rig = createP2p();
  rig.hear(sync(1));
  const [early] = rig.run(S / 2);
  const asked = early ?? rig.run(S)[0];
  if (asked === undefined) throw new Error('nothing was asked');
  rig.at(times(asked).backNs);
  assert.equal(TURNAROUND_ONLY['one-step'](rig, asked), []);
  assert.is(status(rig.slave)[0]?.peerDelayNs, (THERE_NS + BACK_NS) / 2);
  rig.hear(sync(2, {}, masterTime(rig.nowNs)));
  const [second, third] = rig.run(rig.nowNs + 3 * S);
  if (second === undefined || third === undefined) throw new Error('not asked');
  rig.at(times(second).backNs);
  assert.is(oneWays(TURNAROUND_ONLY['one-step'](rig, second)).length, 1);
  rig.at(times(third).backNs);
  assert.is(oneWays(TURNAROUND_ONLY['one-step'](rig, third)).length, 0);
});

test('a turnaround longer than the round trip is a drop, one the clocks explain is not', () => {
  const rig = createP2p();
  const asked = first(rig);
  const tooLong = BigInt(HELD_NS + THERE_NS + BACK_NS + 10_000) << 16n;
  rig.at(times(asked).backNs);
  const one = (correctionField: bigint) =>
    pdelayResp(idOf(asked), own(1), NO_TIMESTAMP, { flags: { twoStep: false }, correctionField });
  assert.equal(drops(rig.hear(one(tooLong))), ['hold']);
  assert.is(status(rig.slave)[0]?.peerDelayNs, null);
  const other = createP2p();
  const again = first(other);
  other.at(times(again).backNs);
  const slightly = BigInt(HELD_NS + THERE_NS + BACK_NS + 100) << 16n;
  assert.equal(drops(other.hear(one(slightly))), []);
  const third = createP2p();
  third.at(times(first(third)).backNs);
  assert.equal(drops(third.hear(one(-(2n ** 62n)))), ['hold']);
});

test('answers for others, unasked, foreign, late, copied, half lost: each a drop', () => {
  const rig = createP2p();
  const asked = first(rig);
  const { receivedNs, backNs } = times(asked);
  const at = masterTime(receivedNs);
  const id = idOf(asked);
  rig.at(backNs);
  const before = protocolState(rig.slave);
  assert.equal(drops(rig.hear(pdelayResp(id, own(2), at))), ['requester']);
  assert.equal(drops(rig.hear(pdelayResp((id + 1) & 0xffff, own(1), at))), ['unasked']);
  assert.equal(drops(rig.hear(pdelayFollowUp((id + 1) & 0xffff, own(1), at))), ['unasked']);
  const foreign = { sourcePortIdentity: OTHER };
  assert.equal(drops(rig.hear(pdelayResp(id, own(1), at, foreign))), ['not-parent']);
  assert.equal(drops(rig.hear(delayResp(id, own(1), at))), ['delay-mechanism']);
  assert.is(protocolState(rig.slave), before);
  rig.hear(pdelayResp(id, own(1), at));
  assert.equal(drops(rig.hear(pdelayResp(id, own(1), at))), ['duplicate']);
  rig.at(asked.atNs + ANSWER_NS);
  assert.equal(drops(rig.hear(pdelayFollowUp(id, own(1), at))), ['unpaired', 'stale']);
});

test('the send stamp may come last, and a clock step spoils what is under way', () => {
  const rig = createP2p();
  rig.stamps = false;
  const asked = first(rig);
  assert.equal(answer(rig, asked), []);
  const outputs = sent(rig.slave, asked.context, localAt(asked.atNs), rig.nowNs);
  assert.is(oneWays(outputs).length, 2);

  const stepped = createP2p();
  const spoilt = first(stepped);
  stepClock(stepped.slave);
  const { receivedNs } = times(spoilt);
  const late = pdelayResp(idOf(spoilt), own(1), masterTime(receivedNs));
  assert.equal(drops(stepped.hear(late)), ['clock-step']);
});

test('after a step of the clock no exchange is set against a Sync of before', () => {
  for (const reply of [answer, TURNAROUND_ONLY['one-step']]) {
    const rig = createP2p();
    rig.hear(sync(1, {}, masterTime(0)));
    stepClock(rig.slave);
    const asked = rig.run(S)[0];
    if (asked === undefined) throw new Error('not asked');
    rig.at(times(asked).backNs);
    assert.equal(reply(rig, asked), []);
  }
});

test('Syncs rarer than the exchanges do not let the path fall', () => {
  const rig = createP2p();
  follow(rig.slave, PATH, { ...FOLLOWING, logSyncInterval: 4 }, rig.nowNs);
  for (let n = 0; n < 10; n++) {
    rig.at(n * 16 * S).hear(sync(n, {}, masterTime(n * 16 * S)));
    rig.run((n + 1) * 16 * S - 1, (asked) => {
      rig.at(times(asked).backNs);
      TURNAROUND_ONLY['one-step'](rig, asked);
    });
  }
  assert.equal(events(rig.outputs), ['reachable: measured both ways']);
});

test('each path has its own exchange, also with one identity on all (PTP-P1, PTP-D11)', () => {
  const locals = ['198.51.100.1', '198.51.100.2'];
  const paths = locals.map((localIp) => ({ remoteIp: REMOTE, localIp, identity: own(9) }));
  const rig = createP2p(paths);
  for (const path of rig.slave.paths) {
    path.pdelays.sequenceId = 77;
    rig.hear(sync(1, {}, masterTime(0)), path.key);
  }
  const asked = rig.run(S);
  const [one, two] = locals.map((ip) => asked.find(({ path }) => path === pathKey(REMOTE, ip)));
  if (one === undefined || two === undefined) throw new Error('not asked');
  assert.is.not(idOf(one), idOf(two));
  const swapped = pdelayResp(idOf(one), own(9), masterTime(0));
  assert.equal(drops(rig.hear(swapped, two.path)), ['unasked']);
  assert.is(oneWays(answer(rig, one)).length, 2);
  assert.is(oneWays(answer(rig, two)).length, 2);
});

test('Pdelay_Reqs are never nearer than their interval (§9.5.13)', () => {
  for (let log = -7; log <= 7; log++) {
    assert.is(regularSpacingNs(log, 0), 2 ** log * S);
    assert.ok(regularSpacingNs(log, 1) <= 2 ** log * S * 1.07);
  }
  const rig = createP2p(undefined, -4);
  for (let n = 0; n < 20; n++) {
    rig.at(n * S).hear(sync(n, {}, masterTime(n * S)));
    rig.run((n + 1) * S - 1);
  }
  const gaps = rig.asked.slice(1).map(({ atNs }, n) => atNs - (rig.asked[n]?.atNs ?? 0));
  assert.ok(gaps.length > 280);
  assert.ok(Math.min(...gaps) >= S / 16 && Math.max(...gaps) < S / 14, `${Math.min(...gaps)}`);
});

test.run();
