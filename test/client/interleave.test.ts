/** Exchanges that are complete a poll late, through both machines and the core: of use all the same. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { createEnsemble } from '../../src/ensemble.ts';
import { createNtpServer, stepNtpServer } from '../../src/ntp/server.ts';
import { stamp, tick } from '../../src/units.ts';
import { createRig, OPEN_SERVER, S, type Sent } from '../ntp/rig.ts';

const test = suite('interleaved exchanges in the core');

const LOCALS = ['198.51.100.7', '198.51.100.8', '198.51.100.9', '198.51.100.10'];

/** A server whose answers leave 300 us after the stamp in them, and whose clock is 5 ms ahead. */
function makeAnswer() {
  const server = createNtpServer({ ...OPEN_SERVER, interleaved: { tableSize: 64 } });
  return (sent: Sent): Uint8Array => {
    const [, ip = ''] = sent.path.split('|');
    const arrivalNs = (sent.atS + 0.0097) * S;
    const nowNs = tick(arrivalNs);
    const receivedAtNs = stamp(arrivalNs + 5e6);
    const local = { ip: '192.0.2.1', port: 123 };
    const datagram = { bytes: sent.bytes, local, remote: { ip, port: 40123 }, receivedAtNs };
    const [output] = stepNtpServer(server, { type: 'datagram', datagram, nowNs });
    if (output?.type !== 'transmit') throw new Error('no answer');
    output.seal?.(output.bytes, receivedAtNs);
    if (output.context !== undefined) {
      const sentAtNs = stamp(receivedAtNs + 3e5);
      stepNtpServer(server, { type: 'sent', context: output.context, sentAtNs, nowNs });
    }
    return output.bytes; // heard 20 ms after the request: 9.7 ms there, 0.3 ms held, 10 ms back
  };
}

for (const budget of ['per-path', 'shared'] as const) {
  for (const minPollLog2S of [-2, 0, 3, 4, 5, 6]) {
    test(`beside a basic path at poll ${minPollLog2S}, ${budget}, none is refused`, () => {
      const paths = LOCALS.map((localIp, n) => ({
        remote: { ip: '192.0.2.1', port: 123 },
        localIp,
        interleaved: n > 0,
      }));
      const rig = createRig({ paths, minPollLog2S, budget });
      const core = createCore({});
      const ensemble = createEnsemble([core], OPEN_SERVER.epochS);
      for (const { key } of rig.client.paths) ensemble.open(key);
      rig.run(200 * 2 ** minPollLog2S, makeAnswer());
      for (const output of rig.outputs) {
        if (output.type !== 'exchange') continue;
        const sample = ensemble.take(output);
        assert.ok(sample?.status === 'used' || sample?.status === 'held', `${sample?.status}`);
      }
      const clock = core.clock();
      assert.is(clock?.refused, 0);
      for (const { key, tally } of rig.client.paths) {
        const report = ensemble.report(key);
        const isInterleaved = tally.interleaved > 0;
        const isQuick = minPollLog2S + (budget === 'shared' ? 2 : 0) <= 5;
        assert.is(isInterleaved, isQuick && !key.endsWith('.7'), key);
        // 300 us of departure unknown are 150 us of offset, and as delay they stay
        const wanted = isInterleaved ? [5e-3 - 1.5e-4, 0.0197] : [5e-3 - 3e-4, 0.02];
        assert.ok(Math.abs((report?.offsetS ?? 0) - (wanted[0] ?? 0)) < 1e-6, `${report?.offsetS}`);
        assert.ok(Math.abs((report?.delayS ?? 0) - (wanted[1] ?? 0)) < 1e-6, `${report?.delayS}`);
      }
    });
  }
}

test.run();
