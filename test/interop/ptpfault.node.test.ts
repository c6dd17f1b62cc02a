/**
 * A PTP port whose link goes away. Not in Deno: its sockets name no interface for multicast, and Linux
 * then takes datagrams for a link that is down without a word.
 */
import * as assert from 'uvu/assert';
import { createLan, LINK, lanIp } from './lan.ts';
import { ip } from './net.ts';
import { startPtp } from './program.ts';
import { RATES } from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { until } from './spawn.ts';

const test = interopSuite('interop: PTP port faults', 'ptp');

const theLan = test.shared(() => createLan({ here: 1, there: 1 }));

const M = lanIp('here', 1);

for (const runtime of ['node', 'bun'] as const) {
  test(`${runtime}: a master whose link goes down is FAULTY, and master again 16 s later (BASE-B3)`, async () => {
    const lan = await theLan();
    const master = startPtp(lan, lan.here, ['master', M, ...RATES], runtime);
    const stateIs = (state: string) => () => master.lines().at(-1)?.state === state;
    await until('MASTER', stateIs('MASTER'), { detail: master.log });
    ip(['-n', lan.here, 'link', 'set', LINK, 'down']);
    try {
      await until('FAULTY', stateIs('FAULTY'), { detail: master.log });
    } finally {
      ip(['-n', lan.here, 'link', 'set', LINK, 'up']);
    }
    await until('MASTER again', stateIs('MASTER'), { timeoutMs: 30_000, detail: master.log });
    assert.match(master.log(), /MASTER to FAULTY on FAULT_DETECTED/);
    assert.match(master.log(), /FAULTY to INITIALIZING on FAULT_CLEARED/);
  }, 70);
}

test.run();
