/**
 * The interop lab: a server host and a client host with several addresses each, and for every
 * address pair a routed way of its own (RFC 8039 §4.1), all in network namespaces of this process.
 * All share one kernel clock: the true offset between any two addresses is 0.
 *
 *     server ─ r0 ─ [router 0] ─ r0 ─ client      addresses sit on a link of their own (`home`);
 *            ╰ r1 ─ [router 1] ─ r1 ╯             `ip rule from <local> to <remote>` picks r<n>
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { allPairs, type PathKey, pathParts } from '../../src/path.ts';
import {
  configureHost,
  configureKernel,
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
import { killAll, type Running, type RunOptions, runOk, start } from './spawn.ts';

export { requireLab } from './require.ts';

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

export interface Lab {
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
  /** A fresh folder, removed by close(). */
  scratch(name: string): string;
  /** Starts a program; stopAll() and close() stop it if nobody did before. */
  start(ns: string, argv: readonly string[], options?: RunOptions): Running;
  /** Stops what was started and still runs. */
  stopAll(): Promise<void>;
  /** stopAll(), then removes namespaces and folders. Safe to call again. */
  close(): Promise<void>;
}

const PING_COUNT = 3;

/** Everything of this process that must not outlive it. */
const namespaces = new Set<string>();
const folders = new Set<string>();
let labs = 0;

/**
 * Builds a lab and proves it: every pair is pinged and must be forwarded by its router alone.
 * @throws Error with the failing command; nothing is left behind then
 */
export async function createLab(options: LabOptions): Promise<Lab> {
  const { family, serverAddresses, clientAddresses } = options;
  const families: Family[] = family === 'both' ? [4, 6] : [family];
  const routerCount = options.routers ?? serverAddresses * clientAddresses;
  const prefix = newPrefix();
  const hosts = { server: `${prefix}-server`, client: `${prefix}-client` };
  const routers = indices(routerCount).map((n) => `${prefix}-r${n}`);
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
  const folder = mkdtempSync(join(tmpdir(), `clockbraid-lab-${process.pid}-`));
  folders.add(folder);
  const started = new Set<Running>();

  const lab: Lab = {
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
    scratch: (name) => mkdtempSync(join(folder, `${name}-`)),
    start(ns, argv, startOptions) {
      const running = start(ns, argv, startOptions);
      started.add(running);
      running.exited.then(() => started.delete(running));
      return running;
    },
    async stopAll() {
      await Promise.all([...started].map((running) => running.stop()));
    },
    async close() {
      await lab.stopAll();
      for (const ns of [...Object.values(hosts), ...routers]) removeNamespace(ns);
      removeFolder(folder);
    },
  };

  try {
    for (const ns of [...Object.values(hosts), ...routers]) {
      await createNamespace(ns, routers.includes(ns));
    }
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
  } catch (error) {
    await lab.close();
    throw error;
  }
  return lab;
}

/**
 * Pings every pair and checks by the routers' counters that it passed its own router and no
 * other, there and back.
 * @throws Error naming the pair and the counts
 */
export async function provePaths(lab: Lab): Promise<void> {
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

/** What names of namespaces begin with, so that a later run can sweep them. */
export function newPrefix(): string {
  watchExit();
  sweepDead();
  return `cb${process.pid}-${labs++}`;
}

/** A namespace that goes when this process does, at the latest. */
export async function createNamespace(ns: string, forwards: boolean): Promise<void> {
  namespaces.add(ns);
  ip(['netns', 'add', ns]);
  await configureKernel(ns, forwards);
}

export function removeNamespace(ns: string): void {
  if (namespaces.delete(ns)) spawnSync('ip', ['netns', 'del', ns]);
}

function removeFolder(folder: string): void {
  if (folders.delete(folder)) rmSync(folder, { recursive: true, force: true });
}

let watching = false;

/** However this process ends (short of SIGKILL), nothing stays. */
function watchExit(): void {
  if (watching) return;
  watching = true;
  process.once('exit', () => {
    killAll();
    namespaces.forEach(removeNamespace);
    folders.forEach(removeFolder);
  });
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(codes[signal]));
  }
}

/** Removes what an earlier run left that was killed outright: names carry the pid. */
function sweepDead(): void {
  const list = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
  for (const [, name = '', pid] of list.matchAll(/^(cb(\d+)-\d+-\w+)/gm)) {
    if (isDead(Number(pid))) spawnSync('ip', ['netns', 'del', name]);
  }
  for (const folder of readdirSync(tmpdir())) {
    const pid = /^clockbraid-lab-(\d+)-/.exec(folder)?.[1];
    if (pid !== undefined && isDead(Number(pid))) {
      rmSync(join(tmpdir(), folder), { recursive: true, force: true });
    }
  }
}

function isDead(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
