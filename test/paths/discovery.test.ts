import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { PathKey } from '../../src/path.ts';
import {
  addTo,
  createDiscovery,
  type Discovery,
  discoveryDue,
  type Heard,
  removeFrom,
  routesOf,
  stepDiscovery,
  type Wish,
} from '../../src/paths/discovery.ts';
import type { DiscoveryOptions } from '../../src/paths/settings.ts';
import { NS_PER_MS, NS_PER_S, type Tick, tick } from '../../src/units.ts';
import { path } from './rig.ts';

const test = suite('discovery');
const ZERO = new Uint8Array(64);
const FOUR = [1, 2, 3, 4].map((local) => path(local));
const A = ['10.0.0.1', '10.0.1.1', '10.0.9.1'];
const B = ['10.0.0.1', '10.0.2.1', '10.0.9.1'];
const DIAMOND = new Map<PathKey, readonly (string | null)[]>([
  [path(1), A],
  [path(2), A],
  [path(3), B],
  [path(4), B],
]);

/** A network in virtual time around one discovery. */
class World {
  readonly discovery: Discovery;
  now: Tick = tick(0);
  probes: { path: PathKey; hops: number; atNs: number }[] = [];
  wishes: Wish[] = [];
  /** Answers on their way. */
  private mail: { atNs: number; heard: Heard }[] = [];
  private nextId = 1;
  routes: Map<PathKey, readonly (string | null)[]>;
  busy = new Set<PathKey>();
  refuses: string | null = null;

  constructor(
    paths: readonly PathKey[],
    options: DiscoveryOptions,
    routes = DIAMOND,
    serverOf?: (path: PathKey) => string,
  ) {
    const settings = { startS: 1, periodS: 60, ...options };
    this.discovery = createDiscovery(paths, settings, this.now, serverOf);
    this.routes = new Map(routes);
  }

  until(endS: number): this {
    for (let steps = 0; ; steps++) {
      assert.ok(steps < 100_000, 'discovery spins');
      const due = discoveryDue(this.discovery) ?? Number.POSITIVE_INFINITY;
      this.mail.sort((a, b) => a.atNs - b.atNs);
      const letter = this.mail[0];
      const atNs = Math.min(due, letter?.atNs ?? Number.POSITIVE_INFINITY);
      if (atNs > endS * NS_PER_S) break;
      this.now = tick(Math.max(this.now, atNs));
      if (letter !== undefined && letter.atNs <= due) {
        this.mail.shift();
        this.hear(letter.heard);
      } else this.hear({ type: 'timeout', random: ZERO });
    }
    return this;
  }

  hear(heard: Heard): void {
    for (const wish of stepDiscovery(this.discovery, heard, this.now)) this.grant(wish);
  }

  grant(wish: Wish): void {
    this.wishes.push(wish);
    if (wish.type !== 'probe') return;
    if (this.busy.has(wish.path)) {
      this.hear({ type: 'busy', path: wish.path });
      return;
    }
    const id = this.nextId++;
    const route = this.routes.get(wish.path) ?? [];
    this.probes.push({ path: wish.path, hops: wish.hops, atNs: this.now });
    this.hear({ type: 'sent', path: wish.path, id });
    if (this.refuses !== null) {
      this.hear({ type: 'unsent', path: wish.path, id, code: this.refuses });
      return;
    }
    const atNs = this.now + 20 * NS_PER_MS;
    const routerIp = route[wish.hops - 1];
    if (wish.hops > route.length) {
      this.mail.push({ atNs, heard: { type: 'answered', path: wish.path, id } });
    } else if (routerIp != null) {
      const heard = { type: 'returned', path: wish.path, id, routerIp, kind: 'exceeded' } as const;
      this.mail.push({ atNs, heard });
    }
  }

  parked(): PathKey[] {
    return this.discovery.paths.flatMap(({ path: key, parking }) => (parking ? [key] : []));
  }

  take(): string[] {
    const said = this.wishes.flatMap((wish) =>
      wish.type === 'park' || wish.type === 'admit' ? [`${wish.type} ${wish.path}`] : [],
    );
    this.wishes = [];
    return said;
  }
}

test('four pairs on two routes: two are parked, both routes go on (PATH-02)', () => {
  const world = new World(FOUR, {}).until(30);
  assert.is(world.discovery.rounds, 1);
  assert.equal(world.parked(), [path(2), path(4)]);
  assert.equal(world.take(), [`park ${path(2)}`, `park ${path(4)}`]);
  assert.is(routesOf(world.discovery).size, 4);
});

test('paths to another server on the same route go on: it is another clock (PATH-02)', () => {
  const serverOf = (key: PathKey) => (key === path(4) ? 'the other' : '');
  const world = new World(FOUR, {}, DIAMOND, serverOf).until(30);
  assert.equal(world.parked(), [path(2)]);
  world.routes.set(path(3), A); // now behind that of 1, which is the same server's; 4 is alone
  assert.equal(world.until(90).parked(), [path(2), path(3)]);
});

test('probes of all paths keep the rate, and every path is traced once a period (PATH-14)', () => {
  const world = new World(FOUR, { probesPerS: 4 }).until(60);
  assert.is(world.probes.length, 16);
  const gaps = world.probes.slice(1).map(({ atNs }, n) => atNs - (world.probes[n]?.atNs ?? 0));
  assert.ok(Math.min(...gaps) >= NS_PER_S / 4 - 1, `${Math.min(...gaps)} ns`);
  assert.is(world.until(115).discovery.rounds, 2);
});

test('a route that changes is seen within a period; the parked pair is back (PATH-09, PATH-10)', () => {
  const world = new World(FOUR, {}).until(30);
  world.take();
  world.routes.set(path(2), B); // now three behind one: nothing to admit
  assert.equal(world.until(90).take(), []);
  world.routes.set(path(2), ['10.0.0.1', '10.0.3.1', '10.0.9.1']);
  assert.equal(world.until(150).take(), [`admit ${path(2)}`]);
  assert.equal(world.parked(), [path(4)]);
});

test('two diverse pairs that merge: one is parked, and back after the split (PATH-10)', () => {
  const two = [path(1), path(3)];
  const world = new World(two, {}).until(30);
  assert.equal(world.parked(), []);
  world.routes.set(path(3), A);
  assert.equal(world.until(90).take(), [`park ${path(3)}`]);
  world.routes.set(path(3), B);
  assert.equal(world.until(150).take(), [`admit ${path(3)}`]);
});

test('a silent hop: nothing is parked; one that falls silent later admits (PATH-13)', () => {
  const world = new World(FOUR, {});
  for (const key of FOUR) world.routes.set(key, ['10.0.0.1', null, '10.0.9.1']);
  assert.equal(world.until(40).parked(), []);
  for (const key of FOUR) world.routes.set(key, A);
  assert.is(world.until(100).parked().length, 3);
  for (const key of FOUR) world.routes.set(key, [null, null, null, null, null, null, null]);
  assert.equal(world.until(200).parked(), []);
});

test('a host that cannot: one probe a path and round, service goes on unfiltered (PATH-13)', () => {
  const world = new World(FOUR, {});
  world.refuses = 'ENOTSUP';
  world.until(30);
  assert.is(world.probes.length, 4);
  assert.equal(world.parked(), []);
  assert.equal(
    [...routesOf(world.discovery).values()].map(({ end }) => end),
    ['unable', 'unable', 'unable', 'unable'],
  );
});

test('a path that polls and falls silent hands over to the one parked for it', () => {
  const world = new World(FOUR, {}).until(30);
  world.take();
  world.hear({ type: 'contact', path: path(1), isSilent: true });
  assert.equal(world.take(), [`admit ${path(2)}`]);
  world.hear({ type: 'contact', path: path(1), isSilent: false });
  assert.equal(
    world.take(),
    [`park ${path(1)}`].map((text) => text.replace(path(1), path(2))),
  );
});

test('at most `keep` paths poll', () => {
  const world = new World(FOUR, { keep: 1 }).until(30);
  assert.is(world.parked().length, 3);
});

test('a busy path is asked again later, others do not wait', () => {
  const world = new World(FOUR, { probesPerS: 50 });
  world.busy.add(path(1));
  world.until(10);
  assert.is(world.discovery.rounds, 0);
  assert.ok(world.probes.every((probe) => probe.path !== path(1)));
  assert.is(world.probes.length, 12);
  const asked = world.wishes.filter((wish) => wish.type === 'probe' && wish.path === path(1));
  assert.ok(asked.length >= 20 && asked.length <= 37, `${asked.length} times in 9 s`);
  world.busy.clear();
  assert.is(world.until(20).discovery.rounds, 1);
});

test('paths come and go', () => {
  const world = new World([path(1), path(2)], {}).until(30);
  assert.equal(world.parked(), [path(2)]);
  for (const wish of removeFrom(world.discovery, path(1))) world.grant(wish);
  assert.equal(world.parked(), []);
  addTo(world.discovery, path(1));
  assert.equal(world.until(90).parked(), [path(1)], 'the one that polls goes on');
  for (const key of [path(1), path(2)]) removeFrom(world.discovery, key);
  assert.is(discoveryDue(world.discovery), null);
});

test('options out of range are refused by name', () => {
  for (const options of [
    { periodS: 1 },
    { probesPerS: 1000 },
    { keep: 0 },
    { maxHops: 65 },
    { tries: 0 },
    { answers: 9 },
    { silences: 0 },
    { timeoutS: Number.NaN },
    { startS: -1 },
  ]) {
    assert.throws(
      () => createDiscovery(FOUR, options, tick(0)),
      (error: unknown) => error instanceof ConfigError && error.field.startsWith('discovery.'),
    );
  }
});

test('in any network every round ends, at the rate, and no pair parks for an unequal route', () => {
  const hop = fc.constantFrom('10.0.0.1', '10.0.1.1', '10.0.2.1', '10.0.3.1', null);
  const world = fc.array(fc.array(hop, { maxLength: 6 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(world, fc.constantFrom(1, 2), (networks, answers) => {
      const paths = networks.map((_, n) => path(n + 1));
      const routes = new Map(networks.map((route, n) => [path(n + 1), route]));
      const options = { answers, timeoutS: 0.1, probesPerS: 100 };
      const found = new World(paths, options, routes).until(59);
      assert.is(found.discovery.rounds, 1);
      for (const { path: key, parking } of found.discovery.paths) {
        if (parking === null) continue;
        assert.equal(routes.get(key), routes.get(parking.inFavourOf ?? key));
        assert.ok(!routes.get(key)?.includes(null));
      }
    }),
    { numRuns: 60 },
  );
});

test.run();
