/**
 * The interop lab: a server host and a client host with several addresses each, and for every
 * address pair a routed way of its own (RFC 8039 §4.1), all in network namespaces of this process.
 * All share one kernel clock: the true offset between any two addresses is 0.
 *
 *     server ─ r0 ─ [router 0] ─ r0 ─ client      addresses sit on a link of their own (`home`);
 *            ╰ r1 ─ [router 1] ─ r1 ╯             `ip rule from <local> to <remote>` picks r<n>
 */
import { allPairs, type PathKey, pathParts } from '../../src/path.ts';
import { type Ground, onSite, type Site } from './ground.ts';
import {
  configureHost,
  configureRouter,
  type Family,
  forwardedBy,
  hostIp,
  type Ips,
  ip,
  ofFamily,
  SIDES,
  wire,
} from './net.ts';
import { runOk } from './spawn.ts';

export interface LabOptions {
  family: Family | 'both';
  serverAddresses: number;
  clientAddresses: number;
  /** Router namespaces; pair n goes through router n mod routers. (default: one per pair) */
  routers?: number;
}

/** One address pair, seen from the client, and the router it must pass both ways. */
export interface LabPair {
  path: PathKey;
  remoteIp: string;
  localIp: string;
  router: number;
}

export interface Lab extends Ground {
  /** Namespace of the server host, of the client host, and of each router. */
  server: string;
  client: string;
  routers: readonly string[];
  /** Addresses and pairs, of one family or (default) all. */
  serverIps(family?: Family): string[];
  clientIps(family?: Family): string[];
  pairs(family?: Family): LabPair[];
  /** IP packets each router has forwarded so far, both ways and families together. */
  forwarded(): Promise<number[]>;
  /** Takes a router's link to the server host down, or mends it with all its routes. */
  setLink(router: number, state: 'up' | 'down'): void;
}

const PING_COUNT = 3;

/**
 * Builds a lab and proves it: every pair is pinged and must be forwarded by its router alone.
 * @throws Error with the failing command; nothing is left behind then
 */
export const createLab = (options: LabOptions): Promise<Lab> =>
  onSite((site) => build(site, options));

async function build(site: Site, options: LabOptions): Promise<Omit<Lab, keyof Ground>> {
  const { family, serverAddresses, clientAddresses } = options;
  const families: Family[] = family === 'both' ? [4, 6] : [family];
  const routerCount = options.routers ?? serverAddresses * clientAddresses;
  const hosts = {
    server: await site.namespace('server'),
    client: await site.namespace('client'),
  };
  const routers: string[] = [];
  for (const n of indices(routerCount)) routers.push(await site.namespace(`r${n}`, true));
  const ips: Ips = {
    server: families.flatMap((f) => indices(serverAddresses).map((n) => hostIp(f, 'server', n))),
    client: families.flatMap((f) => indices(clientAddresses).map((n) => hostIp(f, 'client', n))),
  };
  // Both families of pair n share router n.
  const pairs = families.flatMap((f) =>
    allPairs(ofFamily(ips.server, f), ofFamily(ips.client, f)).map((path, n): LabPair => {
      return { path, ...pathParts(path), router: n % routerCount };
    }),
  );
  const lab: Omit<Lab, keyof Ground> = {
    ...hosts,
    routers,
    serverIps: (f) => ofFamily(ips.server, f),
    clientIps: (f) => ofFamily(ips.client, f),
    pairs: (f) => pairs.filter((pair) => ofFamily([pair.localIp], f).length > 0),
    forwarded: () => Promise.all(routers.map(forwardedBy)),
    setLink(router, state) {
      const ns = routers[router] ?? '';
      ip(['-n', ns, 'link', 'set', 'server', state]);
      // A link that went down took its routes and IPv6 addresses with it.
      if (state === 'up') configureRouter(ns, router, families, ips);
    },
  };

  wire(hosts, routers);
  for (const [n, ns] of routers.entries()) configureRouter(ns, n, families, ips);
  for (const side of SIDES) {
    const ways = pairs.map(({ remoteIp, localIp, router }) =>
      side === 'server'
        ? { ownIp: remoteIp, otherIp: localIp, router }
        : { ownIp: localIp, otherIp: remoteIp, router },
    );
    configureHost(hosts[side], side, { families, ways, routers: routerCount });
  }
  await provePaths(lab);
  return lab;
}

/**
 * Pings every pair and checks by the routers' counters that it passed its own router and no
 * other, there and back.
 * @throws Error naming the pair and the counts
 */
export async function provePaths(lab: Omit<Lab, keyof Ground>): Promise<void> {
  const ping = ['ping', '-n', '-c', `${PING_COUNT}`, '-i', '0.01', '-W', '2'];
  let before = await lab.forwarded();
  for (const pair of lab.pairs()) {
    await runOk(lab.client, [...ping, '-I', pair.localIp, pair.remoteIp]);
    const now = await lab.forwarded();
    const passed = now.map((total, n) => total - (before[n] ?? 0));
    // Each request and each reply is forwarded once.
    const wanted = passed.map((_, n) => (n === pair.router ? 2 * PING_COUNT : 0));
    if (passed.join() !== wanted.join()) {
      throw new Error(`${pair.path}: routers forwarded ${passed}, expected ${wanted}`);
    }
    before = now;
  }
}

const indices = (length: number): number[] => Array.from({ length }, (_, n) => n);
