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
}

export const LINK = 'lan0';

/** Address n (from 1) of a side. */
export const lanIp = (side: 'here' | 'there', n: number, family: 4 | 6 = 4): string => {
  const host = side === 'here' ? n : 100 + n;
  return family === 4 ? `10.82.0.${host}` : `fd82::${host}`;
};

type Common = Pick<Lab, 'scratch' | 'start' | 'stopAll' | 'close'>;

/** Namespaces of this process with nothing in them but lo. */
async function createSpaces<Name extends string>(
  names: readonly Name[],
): Promise<Common & { readonly [K in Name]: string }> {
  const prefix = newPrefix();
  const spaces = Object.fromEntries(names.map((name) => [name, `${prefix}-${name}`])) as {
    [K in Name]: string;
  };
  const all: string[] = Object.values(spaces);
  const folder = mkdtempSync(join(tmpdir(), `clockbraid-lab-${process.pid}-`));
  const started = new Set<Running>();
  const common: Common = {
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
      await common.stopAll();
      for (const ns of all) removeNamespace(ns);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  for (const ns of all) {
    await createNamespace(ns, false);
    ip(['-n', ns, 'link', 'set', 'lo', 'up']);
  }
  return { ...common, ...spaces };
}

/** @param addresses of each family, per side */
export async function createLan(addresses: { here: number; there: number }): Promise<Lan> {
  const lan = await createSpaces(['here', 'there']);
  connect([lan.here, LINK], [lan.there, LINK]);
  for (const side of ['here', 'there'] as const) {
    for (let n = 1; n <= addresses[side]; n++) {
      for (const family of [4, 6] as const) addIp(lan[side], LINK, lanIp(side, n, family));
    }
  }
  return lan;
}

/** Three hosts in a row: IPv4 only on the first link, IPv6 only on the second. */
export interface Chain extends Common {
  /** Its end of the link is {@link LINK}, as that of `below`. */
  readonly top: string;
  /** Its ends are `up0` and `down0`. */
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
  const chain = await createSpaces(['top', 'middle', 'below']);
  connect([chain.top, LINK], [chain.middle, 'up0']);
  connect([chain.middle, 'down0'], [chain.below, LINK]);
  addIp(chain.top, LINK, CHAIN_IPS.top);
  addIp(chain.middle, 'up0', CHAIN_IPS.up);
  addIp(chain.middle, 'down0', CHAIN_IPS.down);
  addIp(chain.below, LINK, CHAIN_IPS.below);
  return chain;
}

/** A link between two namespaces, by its name in each. */
function connect([one, name]: [string, string], [other, otherName]: [string, string]): void {
  const peer = ['peer', 'name', otherName, 'netns', other];
  ip(['link', 'add', name, 'netns', one, 'type', 'veth', ...peer]);
  ip(['-n', one, 'link', 'set', name, 'up']);
  ip(['-n', other, 'link', 'set', otherName, 'up']);
}

function addIp(ns: string, link: string, address: string): void {
  const ends = address.includes(':') ? ['/64', 'nodad'] : ['/24'];
  const [mask = '', ...rest] = ends;
  ip(['-n', ns, 'address', 'add', `${address}${mask}`, 'dev', link, ...rest]);
}
