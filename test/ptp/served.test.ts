/** Grantor and master together: what is granted is what is sent. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  activeGrants,
  createGrantor,
  grantsVersion,
  hearAsGrantor,
} from '../../src/ptp/grantor.ts';
import { createHeader } from '../../src/ptp/header.ts';
import { ALL_PORTS, type PortIdentity } from '../../src/ptp/identity.ts';
import { nextMasterDue } from '../../src/ptp/master.ts';
import type { Signaling } from '../../src/ptp/message.ts';
import { createRig, LOCAL, MASTER, ofType, SLAVE } from './masterrig.ts';

const test = suite('ptp granted and served');

const CODES = [0xb, 0x0, 0x9]; // Announce, Sync, Delay_Resp
const request = (port: PortIdentity, logInterMessagePeriod: number): Signaling => ({
  type: 'Signaling',
  header: createHeader('Signaling', {
    sourcePortIdentity: port,
    sequenceId: 0,
    flags: { unicast: true },
  }),
  targetPortIdentity: ALL_PORTS,
  tlvs: CODES.map((messageType) => ({
    type: 'REQUEST_UNICAST_TRANSMISSION',
    messageType,
    logInterMessagePeriod,
    durationField: 20,
  })),
});

/** A rig whose destinations follow the grantor whenever its version says so. */
function served(addresses: string[]) {
  const rig = createRig();
  const grantor = createGrantor({ port: MASTER, addresses });
  let version = -1;
  return {
    rig,
    ask(localIp: string, remoteIp: string, port: PortIdentity, log = 0) {
      hearAsGrantor(grantor, request(port, log), { localIp, remoteIp }, rig.nowNs);
      if (version === grantsVersion(grantor)) return false;
      version = grantsVersion(grantor);
      rig.set(...activeGrants(grantor, rig.nowNs));
      return true;
    },
  };
}

test('eight identities of one slave have eight streams of Sync (PTP-S05, S08, S16)', () => {
  const { rig, ask } = served([LOCAL]);
  for (let n = 0; n < 8; n++) {
    ask(LOCAL, `10.77.0.${n + 2}`, { clockIdentity: `ae600b.fffe.70c1a${n}`, portNumber: 1 });
  }
  const left = rig.run(5.999);
  for (let n = 0; n < 8; n++) {
    const mine = left.filter(({ to }) => to.ip === `10.77.0.${n + 2}`);
    const counts = ['Announce', 'Sync', 'Follow_Up'].map(
      (type) => mine.filter(({ message }) => message.type === type).length,
    );
    assert.equal(counts, [6, 6, 6]);
    assert.equal(
      ofType(mine, 'Sync').map(({ message }) => message.header.sequenceId),
      ofType(mine, 'Sync').map((_, k) => k),
    );
  }
});

test('dual-ended: each granted pair, from the asked address, Announces alike (PTP-D04, D06)', () => {
  const { rig, ask } = served([LOCAL, '10.78.0.1']);
  const pairs = [LOCAL, '10.78.0.1'].flatMap((local) =>
    ['10.77.0.2', '10.78.0.2', '10.79.0.2'].map((remote) => [local, remote] as const),
  );
  for (const [local, remote] of pairs.slice(0, 5)) ask(local, remote, SLAVE);
  const left = rig.run(3.999);
  const used = new Set(left.map(({ from, to }) => `${from.ip} ${to.ip}`));
  assert.equal(
    [...used].sort(),
    pairs
      .slice(0, 5)
      .map((pair) => pair.join(' '))
      .sort(),
  );
  const announces = ofType(left, 'Announce');
  assert.is(announces.length, 20);
  for (const { atNs, message } of announces) {
    const together = announces.filter((one) => one.atNs === atNs);
    assert.is(together.length, 5);
    assert.ok(together.every((one) => one.message.header.sequenceId === message.header.sequenceId));
  }
});

test('renewals need no new list; without one all ends with the grant (PTP-S06, SEC-08)', () => {
  const { rig, ask } = served([LOCAL]);
  assert.ok(ask(LOCAL, '10.77.0.2', SLAVE));
  rig.run(14);
  assert.not(ask(LOCAL, '10.77.0.2', SLAVE));
  rig.run(60);
  const syncs = ofType(rig.left, 'Sync');
  assert.is(syncs.length, 34); // 20 s from the renewal at 14 s
  assert.equal(
    syncs.map(({ message }) => message.header.sequenceId),
    [...syncs.keys()],
  );
  assert.is(nextMasterDue(rig.master), null);
});

test.run();
