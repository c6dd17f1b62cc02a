/** Discovery over paths of one pair: what reaches the server is kept apart. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { type PathKey, pathKey } from '../../src/path.ts';
import { createDiscovery, discoveryDue, stepDiscovery } from '../../src/paths/discovery.ts';
import { NS_PER_MS, NS_PER_S, tick } from '../../src/units.ts';

const test = suite('arrivals');
const ROUTERS = 3;
const port = (n: number): PathKey => pathKey('192.0.2.1', '198.51.100.1', 40_000 + n);

/** One round over three routers. @returns when probes reached the remote end, and how often it woke */
function round(paths: readonly PathKey[], arrivalSpacingS?: number) {
  const options = { startS: 0, periodS: 3600, probesPerS: 20 };
  const discovery = createDiscovery(
    paths,
    arrivalSpacingS === undefined ? options : { ...options, arrivalSpacingS },
    tick(0),
  );
  const arrivalsS: number[] = [];
  let id = 0;
  let steps = 0;
  while (discovery.rounds === 0) {
    assert.ok(++steps < 500, 'discovery spins');
    const due = discoveryDue(discovery);
    assert.ok(due !== null);
    const random = new Uint8Array(64);
    for (const wish of stepDiscovery(discovery, { type: 'timeout', random }, due)) {
      if (wish.type !== 'probe') continue;
      const { path, hops } = wish;
      stepDiscovery(discovery, { type: 'sent', path, id: ++id }, due);
      const backNs = tick(due + NS_PER_MS);
      if (hops > ROUTERS) {
        arrivalsS.push(due / NS_PER_S);
        stepDiscovery(discovery, { type: 'answered', path, id }, backNs);
        continue;
      }
      const routerIp = `10.0.${hops}.1`;
      stepDiscovery(discovery, { type: 'returned', path, id, routerIp, kind: 'exceeded' }, backNs);
    }
  }
  const gapsS = arrivalsS.slice(1).map((atS, n) => atS - (arrivalsS[n] ?? 0));
  return { arrivalsS, gapsS, steps };
}

const EIGHT = [1, 2, 3, 4, 5, 6, 7, 8].map(port);

test('ports of one pair reach the server 8 s apart, or as asked for (PATH-14)', () => {
  const usual = round(EIGHT);
  assert.is(usual.arrivalsS.length, 8);
  assert.ok(Math.min(...usual.gapsS) >= 8, `${usual.gapsS}`);
  assert.ok(Math.max(...usual.gapsS) < 8.2, `${usual.gapsS}`);
  const quick = round(EIGHT, 0.5);
  assert.ok(Math.min(...quick.gapsS) >= 0.5 && Math.max(...quick.gapsS) < 0.7, `${quick.gapsS}`);
  assert.ok(quick.steps < 60, `${quick.steps} steps`);
});

test('other pairs do not wait for them, and pairs of one path wait for nothing', () => {
  const pairs = [1, 2, 3, 4].map((n) => pathKey('192.0.2.1', `198.51.100.${n}`));
  assert.ok(Math.max(...round(pairs).arrivalsS) < 1);
  const mixed = round([...pairs, port(1)]);
  assert.ok(Math.max(...mixed.arrivalsS) < 2);
});

test('the spacing has bounds', () => {
  for (const arrivalSpacingS of [-1, 61, Number.NaN]) {
    assert.throws(
      () => createDiscovery(EIGHT, { arrivalSpacingS }, tick(0)),
      (error: Error) =>
        error instanceof ConfigError && /discovery\.arrivalSpacingS/.test(error.message),
    );
  }
});

test.run();
