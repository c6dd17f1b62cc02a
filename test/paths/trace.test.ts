import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type IcmpKind, icmpKind } from '../../src/paths/icmp.ts';
import {
  compareRoutes,
  isBalanced,
  isTranslated,
  type Route,
  routeName,
} from '../../src/paths/route.ts';
import {
  beginTrace,
  nextHops,
  probeAnswered,
  probeDeparted,
  probeReturned,
  probeSent,
  probeUnsent,
  routeOf,
  type Trace,
  type TraceSettings,
  traceDue,
  traceTimeout,
} from '../../src/paths/trace.ts';
import { NS_PER_MS, NS_PER_S, stamp, tick } from '../../src/units.ts';
import { path, route } from './rig.ts';

const test = suite('trace');
const SETTINGS: TraceSettings = {
  maxHops: 8,
  tries: 2,
  answers: 1,
  silences: 3,
  timeoutNs: NS_PER_S,
};

/** What stands at each distance; null is silence, the remote end is behind the last. */
type World = readonly (string | readonly string[] | null)[];

/** Traces through a world; returns the route, and the hop limits sent. */
function run(world: World, settings: Partial<TraceSettings> = {}, answers = true) {
  const trace = beginTrace(path(1), { ...SETTINGS, ...settings });
  const sent: number[] = [];
  let now = 1e9;
  for (let id = 1; trace.end === null; id++) {
    assert.ok(id < 200, 'the trace never ends');
    const hops = nextHops(trace);
    assert.ok(hops !== null);
    sent.push(hops);
    probeSent(trace, id, tick(now));
    assert.is(nextHops(trace), null, 'one probe at a time');
    const who = world[hops - 1];
    now += 5 * NS_PER_MS;
    if (hops > world.length && answers) probeAnswered(trace, id, tick(now));
    else if (who == null) {
      now = traceDue(trace) ?? now;
      traceTimeout(trace, tick(now));
    } else {
      const routerIp = typeof who === 'string' ? who : (who[id % who.length] ?? '');
      probeReturned(trace, id, { routerIp, kind: 'exceeded' }, tick(now));
    }
  }
  const found = routeOf(trace);
  assert.ok(found !== null);
  return { route: found, sent, trace };
}

test('delays are those between the kernel’s stamps, unless they cannot be', () => {
  const trace = beginTrace(path(1), SETTINGS);
  const at = (ms: number) => tick(1e9 + ms * NS_PER_MS);
  /** Hop by hop: sent at 10 ms, back at 15 by our own clock. */
  const delays = [
    { left: 7e9, back: 7e9 + 250e3, wantedS: 250e-6 },
    { left: null, back: 7e9, wantedS: 5e-3 },
    { left: 7e9, back: null, wantedS: 5e-3 },
    { left: 7e9, back: 5e9, wantedS: 5e-3 }, // the clock was stepped between them
    { left: 7e9, back: 9e9, wantedS: 5e-3 },
  ];
  delays.forEach(({ left, back }, n) => {
    probeSent(trace, n + 1, at(10));
    if (left !== null) probeDeparted(trace, n + 1, stamp(left));
    const receivedAtNs = back === null ? null : stamp(back);
    const routerIp = `10.0.${n}.1`;
    probeReturned(trace, n + 1, { routerIp, kind: 'exceeded', receivedAtNs }, at(15));
  });
  probeSent(trace, 9, at(20));
  probeDeparted(trace, 9, stamp(8e9));
  probeAnswered(trace, 9, at(30), stamp(8e9 + 400e3));
  const found = routeOf(trace);
  assert.equal(
    found?.hops.map(({ delayS }) => delayS),
    delays.map(({ wantedS }) => wantedS),
  );
  assert.is(found?.endDelayS, 400e-6);
});

const routers = ({ hops }: Route) => hops.map((hop) => hop.routers.join('/'));

test('a trace asks hop by hop and the remote end is asked once (PATH-04)', () => {
  const { route: found, sent } = run(['10.0.0.1', '10.0.1.1', '10.0.2.1']);
  assert.equal(sent, [1, 2, 3, 4]);
  assert.equal(routers(found), ['10.0.0.1', '10.0.1.1', '10.0.2.1']);
  assert.is(found.end, 'remote');
  assert.is(found.hops[0]?.delayS, 0.005);
  assert.is(routeName(found), '10.0.0.1 10.0.1.1 10.0.2.1');
});

test('a silent hop is asked as often as set and stays unknown (PATH-13)', () => {
  const { route: found, sent } = run(['10.0.0.1', null, '10.0.2.1']);
  assert.equal(sent, [1, 2, 2, 3, 4]);
  assert.equal(routers(found), ['10.0.0.1', '', '10.0.2.1']);
  assert.is(found.end, 'remote');
  assert.is(routeName(found), null);
});

test('a silent hop before the remote end is asked again: it may be the remote end itself', () => {
  const lost = new Set([4, 5]); // both first probes of hop 4, which is the remote end
  const trace = beginTrace(path(1), SETTINGS);
  const sent: number[] = [];
  for (let id = 1; trace.end === null && id < 50; id++) {
    const hops = nextHops(trace) ?? 0;
    sent.push(hops);
    probeSent(trace, id, tick(id * 1e10));
    const routerIp = `10.0.${hops}.1`;
    if (lost.has(id)) traceTimeout(trace, tick(id * 1e10 + 1e9));
    else if (hops >= 4) probeAnswered(trace, id, tick(id * 1e10 + 1e6));
    else probeReturned(trace, id, { routerIp, kind: 'exceeded' }, tick(id * 1e10 + 1e6));
  }
  assert.equal(sent, [1, 2, 3, 4, 4, 5, 4]);
  assert.equal(
    routeOf(trace)?.hops.map((hop) => hop.routers[0]),
    ['10.0.1.1', '10.0.2.1', '10.0.3.1'],
  );
  // A hop that is silent for good stays, after as many probes again
  assert.equal(run(['10.0.0.1', null]).sent, [1, 2, 2, 3, 2, 2]);
  assert.equal(routers(run(['10.0.0.1', null]).route), ['10.0.0.1', '']);
});

test('silence to the end gives up and leaves no silent hops behind', () => {
  const { route: found, sent } = run(['10.0.0.1', null, null, null, null, null], {}, false);
  assert.equal(sent, [1, 2, 2, 3, 3, 4, 4]);
  assert.equal(routers(found), ['10.0.0.1']);
  assert.is(found.end, 'silent');
});

test('a remote end that never answers ends the trace at the highest hop limit', () => {
  const world = Array.from({ length: 20 }, (_, hop) => `10.0.${hop}.1`);
  const { route: found, sent } = run(world, { maxHops: 5 });
  assert.equal(sent, [1, 2, 3, 4, 5]);
  assert.is(found.end, 'limit');
});

test('a loop ends the trace; a router twice running does not', () => {
  assert.is(run(['10.0.0.1', '10.0.1.1', '10.0.0.1', '10.0.1.1'], {}, false).route.end, 'loop');
  assert.is(run(['10.0.0.1', '10.0.0.1', '10.0.0.1'], {}, false).route.end, 'loop');
  assert.is(run(['10.0.0.1', '10.0.0.1', '10.0.1.1']).route.end, 'remote');
});

test('more answers a hop show balancing by packet', () => {
  const { route: found, sent } = run(['10.0.0.1', ['10.0.1.1', '10.0.2.1']], { answers: 3 });
  assert.equal(sent, [1, 1, 1, 2, 2, 2, 3]);
  assert.is(found.hops[1]?.routers.length, 2);
  assert.ok(isBalanced(found));
  assert.is(routeName(found), null);
});

test('hops in the remote end’s own name are behind a NAT, and no loop (PATH-11)', () => {
  const own = '192.0.2.1';
  const { route: found } = run(['10.0.0.1', own, own, own]);
  assert.is(found.end, 'remote');
  assert.ok(isTranslated(found));
  assert.is(routeName(found), null);
});

function started(): Trace {
  const trace = beginTrace(path(1), SETTINGS);
  probeSent(trace, 7, tick(0));
  return trace;
}

test('a refusal ends the trace, a closed port is the remote end', () => {
  const refused = started();
  probeReturned(refused, 7, { routerIp: '10.0.0.1', kind: 'refused' }, tick(1));
  assert.is(routeOf(refused)?.end, 'refused');
  assert.is(routeOf(refused)?.hops.length, 1);
  const walled = started(); // a firewall says what a closed port would
  probeReturned(walled, 7, { routerIp: '10.0.0.1', kind: 'port' }, tick(1));
  assert.is(routeOf(walled)?.end, 'refused');
  const closed = started();
  probeReturned(closed, 7, { routerIp: '192.0.2.1', kind: 'port' }, tick(1));
  assert.is(routeOf(closed)?.end, 'remote');
  assert.equal(routeOf(closed)?.hops, []);
});

test('a late answer still names its hop, but does not hurry the next', () => {
  const trace = started();
  traceTimeout(trace, tick(NS_PER_S));
  probeSent(trace, 8, tick(NS_PER_S)); // second try of hop 1
  traceTimeout(trace, tick(2 * NS_PER_S));
  assert.is(nextHops(trace), 2);
  probeSent(trace, 9, tick(2 * NS_PER_S));
  probeReturned(trace, 7, { routerIp: '10.0.0.1', kind: 'exceeded' }, tick(2.1 * NS_PER_S));
  assert.is(nextHops(trace), null);
  assert.equal(trace.hops[0]?.routers, ['10.0.0.1']);
  probeAnswered(trace, 9, tick(2.2 * NS_PER_S));
  assert.equal(routeOf(trace)?.hops[0]?.routers, ['10.0.0.1']);
});

test('strangers’ and repeated answers say nothing', () => {
  const trace = started();
  probeReturned(trace, 99, { routerIp: '10.6.6.6', kind: 'exceeded' }, tick(1));
  probeAnswered(trace, 99, tick(1));
  assert.is(nextHops(trace), null);
  probeReturned(trace, 7, { routerIp: '10.0.0.1', kind: 'exceeded' }, tick(2));
  probeReturned(trace, 7, { routerIp: '10.0.0.1', kind: 'exceeded' }, tick(3));
  assert.equal(trace.hops[0]?.routers, ['10.0.0.1']);
  assert.is(trace.hops[0]?.answers, 1);
  assert.is(nextHops(trace), 2);
});

test('a host that cannot says so at once, one that fails now and then is asked again', () => {
  const trace = started();
  probeUnsent(trace, 7, true, tick(1));
  assert.is(routeOf(trace)?.end, 'unable');
  const shaky = started();
  probeUnsent(shaky, 7, false, tick(1));
  assert.is(nextHops(shaky), 1);
  for (let id = 8; id < 10; id++) {
    probeSent(shaky, id, tick(id));
    probeUnsent(shaky, id, false, tick(id));
  }
  assert.is(routeOf(shaky)?.end, 'unable');
});

test('ICMP: what says something of the way, and what does not', () => {
  assert.is(icmpKind('192.0.2.1', 11, 0), 'exceeded');
  assert.is(icmpKind('192.0.2.1', 11, 1), null); // reassembly
  assert.is(icmpKind('192.0.2.1', 3, 3), 'port');
  assert.is(icmpKind('192.0.2.1', 3, 13), 'refused');
  assert.is(icmpKind('192.0.2.1', 3, 4), null); // too big
  assert.is(icmpKind('2001:db8::1', 3, 0), 'exceeded');
  assert.is(icmpKind('2001:db8::1', 1, 4), 'port');
  assert.is(icmpKind('2001:db8::1', 1, 0), 'refused');
  assert.is(icmpKind('2001:db8::1', 2, 0), null);
  assert.is(icmpKind('2001:db8::1', 11, 0), null); // the number of IPv4
});

test('routes: equal only if all of both is known, different only if something is (PATH-13)', () => {
  const a = route(1, ['10.0.0.1', '10.0.1.1']);
  assert.is(compareRoutes(a, route(2, ['10.0.0.1', '10.0.1.1'])), 'same');
  assert.is(compareRoutes(a, route(2, ['10.0.0.1', '10.0.2.1'])), 'different');
  assert.is(compareRoutes(a, route(2, ['10.0.0.1', null])), 'unknown');
  assert.is(compareRoutes(a, route(2, [null, '10.0.2.1'])), 'different');
  assert.is(compareRoutes(a, route(2, ['10.0.0.1', '10.0.1.1', '10.0.2.1'])), 'different');
  assert.is(compareRoutes(a, route(2, ['10.0.0.1', '10.0.1.1'], 'silent')), 'unknown');
  assert.is(compareRoutes(a, route(2, ['10.0.0.1'], 'silent')), 'unknown');
  assert.is(compareRoutes(route(1, [null]), route(2, [null])), 'unknown');
  assert.is(compareRoutes(route(1, []), route(2, [])), 'unknown', 'no router: perhaps two links');
  assert.is(compareRoutes(a, route(2, ['10.0.0.1', '10.0.1.1/10.0.2.1'])), 'unknown');
  const six = { ...a, path: '2001:db8::1|2001:db8:1::1' as const };
  assert.is(compareRoutes(a, six), 'unknown');
});

/** A trace whose first probe is under way, and what is sent back of it. */
function forged() {
  const trace = beginTrace(path(1), SETTINGS);
  const now = tick(1e9);
  probeSent(trace, 1, now);
  const back = (routerIp: string, isPartial: boolean, kind: IcmpKind = 'exceeded', id = 1) =>
    probeReturned(trace, id, { routerIp, kind, isPartial }, now);
  const names = () => trace.hops.map(({ routers }) => routers.join('/'));
  return { trace, now, back, names };
}

test('who proves to have seen the probe is believed, before or after a stranger (SEC-08)', () => {
  for (const order of ['first', 'last']) {
    const { back, names } = forged();
    if (order === 'first') back('10.0.1.1', false);
    back('10.6.6.6', true);
    if (order === 'last') back('10.0.1.1', false);
    assert.equal(names(), ['10.0.1.1'], order);
  }
});

test('of two as good as each other none is: the hop has no name (PATH-13)', () => {
  for (const isPartial of [true, false]) {
    const { trace, back, names, now } = forged();
    for (const name of ['10.6.6.6', '10.0.1.1', '10.6.6.6']) back(name, isPartial);
    for (let n = 0; n < 100; n++) back(`10.7.7.${n}`, isPartial);
    assert.is(trace.at, 2, 'one probe is one step');
    assert.is(names()[0]?.split('/').length, 4);
    probeSent(trace, 2, now);
    probeAnswered(trace, 2, now);
    const found = routeOf(trace);
    assert.is(found && routeName(found), null);
  }
});

test('strangers neither end a trace nor speak of hops that are not being asked for', () => {
  const { trace, back, names, now } = forged();
  back('192.0.2.1', true, 'port');
  back('10.6.6.6', true, 'refused');
  assert.is(trace.end, null);
  assert.is(nextHops(trace), null);
  traceTimeout(trace, traceDue(trace) ?? now);
  back('10.6.6.6', true);
  assert.equal(names(), ['']);
  back('10.0.1.1', false); // late, and true
  assert.equal(names(), ['10.0.1.1']);
});

test('an answer from the remote end counts though a stranger sent the probe back before', () => {
  const { trace, back, now } = forged();
  back('10.6.6.6', true);
  probeAnswered(trace, 1, now);
  assert.equal(routeOf(trace)?.hops, []);
  assert.is(routeOf(trace)?.end, 'remote');
});

test.run();
