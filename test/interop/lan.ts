/** Two hosts on one link, in namespaces of this process: where multicast and stock PTP peers work. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createNamespace, type Lab, newPrefix, removeNamespace } from './lab.ts';
import { ip } from './net.ts';
import { type Running, start } from './spawn.ts';

export interface Lan extends Pick<Lab, 'scratch' | 'start' | 'stopAll' | 'close'> {
  /** Namespaces; both call their end of the link {@link LINK}. */
  readonly here: string;
  readonly there: string;
  /** The host between them, if asked for: {@link BETWEEN} are its ends, and nothing joins them. */
  readonly between: string;
}

export const LINK = 'lan0';
/** Towards here, towards there. */
export const BETWEEN = ['west0', 'east0'] as const;

/** Address n (from 1) of a side. */
export const lanIp = (side: 'here' | 'there', n: number, family: 4 | 6 = 4): string => {
  const host = side === 'here' ? n : 100 + n;
  return family === 4 ? `10.82.0.${host}` : `fd82::${host}`;
};

/**
 * @param addresses of each family, per side
 * @param isParted the link goes by a third host, which carries what its programs carry
 */
export async function createLan(
  addresses: { here: number; there: number },
  isParted = false,
): Promise<Lan> {
  const prefix = newPrefix();
  const hosts = { here: `${prefix}-here`, there: `${prefix}-there` };
  const spaces = { ...hosts, between: `${prefix}-between` };
  const folder = mkdtempSync(join(tmpdir(), `clockbraid-lab-${process.pid}-`));
  const started = new Set<Running>();
  const lan: Lan = {
    ...spaces,
    scratch: (name) => mkdtempSync(join(folder, `${name}-`)),
    start(ns, argv, options) {
      const running = start(ns, argv, options);
      started.add(running);
      running.exited.then(() => started.delete(running));
      return running;
    },
    async stopAll() {
      await Promise.all([...started].map((running) => running.stop()));
    },
    async close() {
      await lan.stopAll();
      for (const ns of made) removeNamespace(ns);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const { here, there, between } = spaces;
  const made = isParted ? [here, there, between] : [here, there];
  for (const ns of made) await createNamespace(ns, false);
  const connect = (a: string, nameA: string, b: string, nameB: string) =>
    ip([
      ...['link', 'add', nameA, 'netns', a, 'type', 'veth'],
      ...['peer', 'name', nameB, 'netns', b],
    ]);
  if (isParted) {
    connect(here, LINK, between, BETWEEN[0]);
    connect(there, LINK, between, BETWEEN[1]);
    for (const name of ['lo', ...BETWEEN]) ip(['-n', between, 'link', 'set', name, 'up']);
  } else connect(here, LINK, there, LINK);
  for (const side of ['here', 'there'] as const) {
    const ns = spaces[side];
    ip(['-n', ns, 'link', 'set', 'lo', 'up']);
    ip(['-n', ns, 'link', 'set', LINK, 'up']);
    for (let n = 1; n <= addresses[side]; n++) {
      ip(['-n', ns, 'address', 'add', `${lanIp(side, n)}/24`, 'dev', LINK]);
      ip(['-n', ns, 'address', 'add', `${lanIp(side, n, 6)}/64`, 'dev', LINK, 'nodad']);
    }
  }
  return lan;
}

/** Three hosts in a row: IPv4 only on the first link, IPv6 only on the second. */
export interface Chain extends Pick<Lan, 'scratch' | 'start' | 'stopAll' | 'close'> {
  readonly top: string;
  readonly middle: string;
  readonly below: string;
}

export const CHAIN_IPS = {
  top: '10.83.0.1',
  up: '10.83.0.2',
  down: 'fd83::1',
  below: 'fd83::2',
} as const;

export async function createChain(): Promise<Chain> {
  const lan = await createLan({ here: 0, there: 0 }, true);
  const { here: top, between: middle, there: below } = lan;
  const [up, down] = BETWEEN;
  const add = (ns: string, link: string, address: string) =>
    ip(['-n', ns, 'address', 'add', address, 'dev', link]);
  add(top, LINK, `${CHAIN_IPS.top}/24`);
  add(middle, up, `${CHAIN_IPS.up}/24`);
  add(middle, down, `${CHAIN_IPS.down}/64`);
  add(below, LINK, `${CHAIN_IPS.below}/64`);
  return { ...lan, top, middle, below };
}
