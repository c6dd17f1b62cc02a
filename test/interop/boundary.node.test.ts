/**
 * Our boundary clock between stock clocks that cannot meet: ptp4l by IPv4 above, ptp4l by IPv6
 * below. Its own clock is seconds wrong; the true offset between the two others is 0.
 */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startCapture } from './capture.ts';
import { CHAIN_IPS, createChain } from './lan.ts';
import { pmcBy, ptp4l } from './linuxptp.ts';
import { type Runtime, startBoundary } from './program.ts';
import { analysePtp, TYPE } from './ptpcapture.ts';
import { FILTER, RATES } from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { until } from './spawn.ts';

const test = interopSuite('interop: PTP boundary clock', 'ptp');

const theChain = test.shared(createChain);

const OPTIONS = [...RATES, '--priority1', '200'];
const WRONG_BY_MS = 2345;
/** Generous: two cores shared by many. (ns) */
const BOUND_NS = 20e6;

const PORTS = ['--port', CHAIN_IPS.up, '--port', CHAIN_IPS.down];
/** Answers to a question, by who gave them. */
const answers = (text: string, field: string): Map<string, string> => {
  const said = new Map<string, string>();
  for (const block of text.split(/\n(?=\t[0-9a-f]{6}\.)/)) {
    const [, port] = /^\t([0-9a-f.]+-\d+) seq/.exec(block) ?? [];
    const [, value] = new RegExp(`${field} +(\\S+)`).exec(block) ?? [];
    if (port !== undefined && value !== undefined) said.set(port, value);
  }
  return said;
};

for (const runtime of ['node', 'deno', 'bun'] as const satisfies readonly Runtime[]) {
  test(`${runtime}: ptp4l (IPv4) → our boundary clock → ptp4l (IPv6): stepsRemoved 1 and 2, offset near zero (BASE-B4, BASE-B10, EP-022)`, async () => {
    const chain = await theChain();
    const top = ptp4l(chain, chain.top, { extra: ['priority1 10'] });
    await until('ptp4l is master', () => /to MASTER on/.test(top.log()), { detail: top.log });
    const capture = await startCapture(chain, chain.middle, 'any', FILTER);
    const boundary = startBoundary(chain, chain.middle, [...PORTS, ...OPTIONS], {
      ...{ runtime, wrongByMs: WRONG_BY_MS },
    });
    const uds = join(chain.scratch('uds'), 'ptp4l');
    const slave = ptp4l(chain, chain.below, { family: 6, extra: ['slaveOnly 1'], uds });
    const detail = () => boundary.log() + slave.log();
    const states = () =>
      boundary
        .lines()
        .at(-1)
        ?.ports.map(({ state }) => state) ?? [];
    await until('slave and master', () => states().join() === 'SLAVE,MASTER', {
      ...{ timeoutMs: 40_000, detail },
    });
    const rmsOf = () => [...slave.log().matchAll(/rms +(\d+) max/g)].map(([, ns]) => Number(ns));
    await until('near', () => (rmsOf().at(-1) ?? BOUND_NS) < BOUND_NS, {
      ...{ timeoutMs: 50_000, detail },
    });
    const line = boundary.lines().at(-1);
    assert.is(line?.currentDS.stepsRemoved, 1);
    const offsetS = (line?.combined?.offset ?? 0) + WRONG_BY_MS / 1000;
    assert.ok(Math.abs(offsetS) < BOUND_NS / 1e9, `${line?.combined?.offset}`);
    assert.match(boundary.log(), /port 1: LISTENING to UNCALIBRATED on RS_SLAVE/);
    assert.match(boundary.log(), /port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED/);
    assert.match(boundary.log(), /port 2: LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES/);

    // Asked at the bottom; the question and the answers pass us.
    const asked = await pmcBy(chain.below, uds, 3, ['GET CURRENT_DATA_SET']);
    const steps = [...answers(asked, 'stepsRemoved').values()].sort();
    assert.equal(steps, ['0', '1', '2'], asked);
    const own = line?.defaultDS.clockIdentity ?? '?';
    const ports = answers(await pmcBy(chain.below, uds, 1, ['GET PORT_DATA_SET']), 'portState');
    assert.is(ports.get(`${own}-1`), 'SLAVE');
    assert.is(ports.get(`${own}-2`), 'MASTER');
    const parents = answers(
      await pmcBy(chain.below, uds, 3, ['GET PARENT_DATA_SET']),
      'grandmasterIdentity',
    );
    assert.is(new Set(parents.values()).size, 1, 'one grandmaster for all');

    await boundary.running.stop();
    await slave.stop();
    await capture.stop();
    const { packets, complaints } = await analysePtp(chain.middle, capture.file);
    assert.equal(complaints, []);
    const ours = packets.filter(({ src }) => src === CHAIN_IPS.up || src === CHAIN_IPS.down);
    const types = (src: string) =>
      new Set(ours.filter((one) => one.src === src).map(({ type }) => type));
    assert.ok(!types(CHAIN_IPS.up).has(TYPE.Sync), 'nothing served upwards');
    for (const type of [TYPE.Announce, TYPE.Sync, TYPE.Follow_Up, TYPE.Delay_Resp]) {
      assert.ok(types(CHAIN_IPS.down).has(type), `type ${type} downwards`);
    }
    assert.not.ok(types(CHAIN_IPS.down).has(TYPE.Delay_Req));
  }, 150);
}

test.run();
