import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UNTOLD_CORRECTION } from '../../src/ptp/measure.ts';
import { offsetFromMasterNs, sent, status, stepClock } from '../../src/ptp/slave.ts';
import { PAIR_NS, WINDOW } from '../../src/ptp/syncs.ts';
import {
  AHEAD_NS,
  createRig,
  delayResp,
  drops,
  EPOCH_NS,
  events,
  followUp,
  localAt,
  MASTER,
  MS,
  masterTime,
  OTHER,
  oneWays,
  own,
  PATH,
  protocolState,
  REMOTE,
  S,
  sync,
  transit,
} from './slaverig.ts';

const test = suite('ptp slave: sync');

/** A Sync sent at `sentNs` and its Follow_Up, each at a time of its own. */
const SENT_NS = 10 * S;
const TRANSIT_NS = 51_500;
const arrived = SENT_NS + TRANSIT_NS;

test('a one-step Sync is a forward measurement: master stamp, own stamp (EP-031, PTP-D07)', () => {
  const outputs = createRig()
    .at(arrived)
    .hear(sync(7, {}, masterTime(SENT_NS)));
  assert.equal(outputs, [
    {
      type: 'oneway',
      path: PATH,
      direction: 'forward',
      remoteNs: EPOCH_NS + BigInt(SENT_NS),
      correction: 0n,
      localNs: localAt(arrived),
    },
  ]);
});

test('a two-step Sync waits for its Follow_Up and keeps its own receive stamp (BASE-B6)', () => {
  const rig = createRig().at(arrived);
  assert.equal(rig.hear(sync(7)), []);
  const outputs = rig.at(arrived + 2 * MS).hear(followUp(7, masterTime(SENT_NS)));
  const [forward] = oneWays(outputs);
  assert.is(forward?.remoteNs, EPOCH_NS + BigInt(SENT_NS));
  assert.is(forward?.localNs, localAt(arrived));
  assert.is(outputs.length, 1);
});

test('a Follow_Up before its Sync gives the same measurement (BASE-B6)', () => {
  const ordered = createRig().at(arrived);
  ordered.hear(sync(7));
  const [expected] = ordered.at(arrived + MS).hear(followUp(7, masterTime(SENT_NS)));
  const reversed = createRig().at(arrived - MS);
  assert.equal(reversed.hear(followUp(7, masterTime(SENT_NS))), []);
  assert.equal(reversed.at(arrived).hear(sync(7)), [expected]);
});

test('corrections of Sync and Follow_Up are added to 2^-16 ns (BASE-B7)', () => {
  const rig = createRig().at(arrived);
  rig.hear(sync(7, { correctionField: 1000n << 16n }));
  const half = (500n << 16n) + 0x8000n;
  const outputs = rig.hear(followUp(7, masterTime(SENT_NS), { correctionField: half }));
  const [forward] = oneWays(outputs);
  assert.is(forward?.correction, (1500n << 16n) + 0x8000n);
});

test('vector WIRE §2.9: mean path delay 48 999.75 ns, offset 999.75 ns (PTP-S14, BASE-B7)', () => {
  const rig = createRig();
  const base = 37 * S; // the vector's seconds; local stamps are taken as they are
  const local = (ns: number) => base + ns - AHEAD_NS;
  rig.at(local(51_600)).hear(sync(1, { correctionField: 1000n << 16n }));
  const cFollowUp = (500n << 16n) + 0x8000n;
  const first = rig.hear(followUp(1, masterTime(base + 100), { correctionField: cFollowUp }));
  rig.stamps = false;
  const asked = rig.run(rig.nowNs + S)[0];
  if (asked === undefined) throw new Error('nothing was asked');
  sent(rig.slave, asked.context, localAt(local(0.5 * S)), rig.nowNs);
  const { sequenceId } = asked.message.header;
  const answer = delayResp(sequenceId, own(1), masterTime(base + 0.5 * S + 48_700), {
    correctionField: 700n << 16n,
  });
  const [forward, reverse] = oneWays([...first, ...rig.hear(answer)]);
  if (forward === undefined || reverse === undefined) throw new Error('not measured');
  assert.is(forward.direction, 'forward');
  assert.is(reverse.direction, 'reverse');
  const mean = (transit(forward) + transit(reverse)) / 2n;
  assert.is(mean, 3_211_247_616n);
  assert.is(transit(forward) - mean, 65_519_616n);
  const offsetS = -Number(transit(forward) - mean) / 65536e9; // ours: remote − local
  assert.ok(Math.abs(offsetFromMasterNs(offsetS) - 999.75) < 1e-6);
});

test('offsetFromMaster is the negative of our offset: a slow clock has a negative one', () => {
  assert.is(offsetFromMasterNs(1), -1e9);
  assert.is(offsetFromMasterNs(-2e-6), 2000);
  assert.is(offsetFromMasterNs(0), 0);
});

test('a correction of more than 2^31 ns, negative and fractional ones stay exact (BASE-B7)', () => {
  const values = [(5_000_000_000n << 16n) + 1n, -(3n << 16n) - 0x4001n, 1n, -1n, 2n ** 62n];
  for (const correctionField of values) {
    const [forward] = oneWays(
      createRig()
        .at(arrived)
        .hear(sync(1, { correctionField }, masterTime(SENT_NS))),
    );
    assert.is(forward?.correction, correctionField);
    assert.is(forward?.remoteNs, EPOCH_NS + BigInt(SENT_NS));
  }
});

test('a correctionField that cannot be told, alone or as a sum, is a drop', () => {
  const origin = masterTime(SENT_NS);
  const max = { correctionField: UNTOLD_CORRECTION };
  assert.equal(drops(createRig().hear(sync(1, max, origin))), ['correction']);
  assert.equal(drops(createRig().hear(sync(1, max))), ['correction']);
  assert.equal(drops(createRig().hear(followUp(1, origin, max))), ['correction']);
  const sums = [
    [2n ** 62n, 2n ** 62n - 2n, []],
    [2n ** 62n, 2n ** 62n - 1n, ['correction']],
    [2n ** 62n, 2n ** 62n, ['correction']],
    [-(2n ** 63n), 2n, []],
    [-(2n ** 63n), 0n, ['correction']],
    [-(2n ** 63n), -1n, ['correction']],
  ] as const;
  for (const [first, second, reasons] of sums) {
    const rig = createRig();
    rig.hear(sync(1, { correctionField: first }));
    assert.equal(drops(rig.hear(followUp(1, origin, { correctionField: second }))), reasons);
  }
});

test('copies of Sync and of Follow_Up are drops, before and after the pair is used', () => {
  const rig = createRig().at(arrived);
  const origin = masterTime(SENT_NS);
  rig.hear(sync(1));
  assert.equal(drops(rig.hear(sync(1))), ['duplicate']);
  assert.is(oneWays(rig.hear(followUp(1, origin))).length, 1);
  assert.equal(drops(rig.hear(sync(1))), ['duplicate']);
  assert.equal(drops(rig.hear(followUp(1, origin))), ['duplicate']);
  rig.hear(followUp(2, origin));
  assert.equal(drops(rig.hear(followUp(2, origin))), ['duplicate']);
  rig.hear(sync(3, {}, origin));
  assert.equal(drops(rig.hear(sync(3, {}, origin))), ['duplicate']);
  assert.equal(drops(rig.hear(followUp(3, origin))), ['duplicate']);
});

test('a lost Follow_Up makes its Sync unpaired, and the other way round', () => {
  const rig = createRig();
  rig.hear(sync(1));
  rig.hear(followUp(2, masterTime(0)));
  const outputs = rig.at(PAIR_NS - 1).hear(sync(3));
  assert.equal(outputs, []);
  assert.equal(drops(rig.at(PAIR_NS).hear(sync(4))), ['unpaired', 'unpaired']);
  assert.is(status(rig.slave)[0]?.tally.drops.unpaired, 2);
  assert.equal(drops(rig.hear(followUp(1, masterTime(0)))), ['stale']);
  assert.equal(drops(rig.hear(sync(2))), ['stale']);
});

test('halves that fall behind the window at a high rate are unpaired at once', () => {
  const rig = createRig();
  for (let id = 0; id < WINDOW; id++) assert.equal(drops(rig.hear(sync(id))), []);
  assert.equal(drops(rig.hear(sync(WINDOW))), []);
  assert.equal(drops(rig.hear(sync(WINDOW + 1))), ['unpaired']);
  assert.equal(drops(rig.hear(followUp(0, masterTime(1)))), ['unpaired', 'stale']);
  assert.is(oneWays(rig.hear(followUp(2, masterTime(1)))).length, 1);
});

test('sequenceIds wrap, for both orders of the halves (§7.3.7)', () => {
  const rig = createRig();
  let measured = 0;
  for (let n = 0; n < 6; n++) {
    const id = (0xfffd + n) & 0xffff;
    const atNs = n * S + S;
    rig.at(atNs);
    const halves = [sync(id), followUp(id, masterTime(atNs - 50_000))];
    if (n % 2 === 1) halves.reverse();
    for (const half of halves) measured += oneWays(rig.hear(half)).length;
  }
  assert.is(measured, 6);
  assert.equal(drops(rig.outputs), []);
  assert.equal(drops(rig.hear(sync(0xffff))), ['duplicate']);
});

test('a Sync far behind is stale; a master that starts anew is heard after a pause', () => {
  const rig = createRig();
  const origin = masterTime(S);
  rig.hear(sync(40_000, {}, origin));
  assert.equal(drops(rig.hear(sync(40_000 - WINDOW, {}, origin))), ['stale']);
  assert.is(oneWays(rig.hear(sync(40_000 - WINDOW + 1, {}, origin))).length, 1);
  rig.at(PAIR_NS - 1);
  assert.equal(drops(rig.hear(sync(10_000, {}, origin))), ['stale']);
  rig.at(PAIR_NS);
  assert.is(oneWays(rig.hear(sync(10_000, {}, origin))).length, 1);
  assert.is(oneWays(rig.hear(sync(10_001, {}, origin))).length, 1);
  assert.is(rig.slave.paths[0]?.syncs.entries.length, 2); // of the old count nothing is left
  assert.equal(drops(rig.hear(sync(10_000, {}, origin))), ['duplicate']);
});

test('the rates −7 to +7 all measure every Sync (EP-052)', () => {
  for (let log = -7; log <= 7; log++) {
    const rig = createRig();
    const stepNs = 2 ** log * S;
    for (let n = 1; n <= 200; n++) {
      rig.at(n * stepNs).hear(sync(n));
      rig.at(n * stepNs + Math.min(stepNs / 2, MS)).hear(followUp(n, masterTime(n * stepNs - MS)));
    }
    assert.is(oneWays(rig.outputs).length, 200, `log ${log}`);
    assert.equal(drops(rig.outputs), []);
  }
});

test('domain, sdoId, sender and flag are looked at; a reject changes nothing (SEC-11, BASE-B5)', () => {
  const rig = createRig();
  rig.hear(sync(1));
  const before = protocolState(rig.slave);
  const origin = masterTime(S);
  const cases = [
    ['domain', { domainNumber: 1 }],
    ['sdo', { majorSdoId: 1 }],
    ['sdo', { minorVersionPTP: 1, minorSdoId: 3 }],
    ['not-parent', { sourcePortIdentity: OTHER }],
    ['not-parent', { sourcePortIdentity: { ...MASTER, portNumber: 2 } }],
    ['alternate-master', { flags: { alternateMaster: true } }],
  ] as const;
  for (const [reason, but] of cases) {
    assert.equal(drops(rig.hear(sync(2, but, origin))), [reason]);
    assert.equal(drops(rig.hear(followUp(1, origin, but))), [reason]);
  }
  assert.equal(drops(rig.hear(sync(1))), ['duplicate']);
  assert.is(protocolState(rig.slave), before);
  assert.is(status(rig.slave)[0]?.tally.received, 14);
});

test('version 2.1 is taken, and a reserved minorSdoId of 2.0 is not looked at (BASE-B9)', () => {
  const origin = masterTime(S);
  assert.is(oneWays(createRig().hear(sync(1, { minorVersionPTP: 1 }, origin))).length, 1);
  assert.is(oneWays(createRig().hear(sync(1, { minorSdoId: 9 }, origin))).length, 1);
  const rig = createRig({ domainNumber: 5, majorSdoId: 1, minorSdoId: 2 });
  const but = { domainNumber: 5, majorSdoId: 1, minorVersionPTP: 1, minorSdoId: 2 };
  assert.is(oneWays(rig.hear(sync(1, but, origin))).length, 1);
});

test('an empty timestamp, or one no i64 can hold, is a drop', () => {
  const zero = { seconds: 0, nanoseconds: 0 };
  assert.equal(drops(createRig().hear(sync(1, {}, zero))), ['zero-timestamp']);
  const far = { seconds: 2 ** 33, nanoseconds: 0 };
  assert.equal(drops(createRig().hear(sync(1, {}, far))), ['timestamp']);
  const near = { seconds: 2 ** 33 - 1, nanoseconds: 999_999_999 };
  const [forward] = oneWays(createRig().hear(sync(1, {}, near)));
  assert.is(forward?.remoteNs, (2n ** 33n - 37n) * 1_000_000_000n - 1n);
});

test('a step of the local clock spoils the Sync that waits, not the Follow_Up', () => {
  const rig = createRig();
  rig.hear(sync(1));
  rig.hear(followUp(2, masterTime(1)));
  stepClock(rig.slave);
  assert.equal(drops(rig.hear(followUp(1, masterTime(1)))), ['clock-step']);
  assert.is(oneWays(rig.hear(sync(2))).length, 1);
});

test('between other addresses: unknown-path, and wrong-address from a master we follow (X-3)', () => {
  const rig = createRig();
  const before = protocolState(rig.slave);
  const elsewhere = `203.0.113.9|${PATH.split('|')[1]}` as const;
  assert.equal(drops(rig.hear(sync(1), elsewhere)), ['wrong-address']);
  assert.equal(drops(rig.hear(sync(1), `${REMOTE}|198.51.100.99`)), ['wrong-address']);
  const stranger = sync(1, { sourcePortIdentity: OTHER });
  assert.equal(drops(rig.hear(stranger, elsewhere)), ['unknown-path']);
  assert.equal(drops(rig.hear(sync(1, { domainNumber: 3 }), elsewhere)), ['unknown-path']);
  assert.is(protocolState(rig.slave), before);
  assert.equal(events(rig.outputs), []);
});

test.run();
