/** Two hosts on one link, in namespaces of this process: where multicast and stock PTP peers work. */
import { type Ground, onSite } from './ground.ts';
import { ip } from './net.ts';

export interface Lan extends Ground {
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
export const createLan = (
  addresses: { here: number; there: number },
  isParted = false,
): Promise<Lan> =>
  onSite(async (site) => {
    const here = await site.namespace('here');
    const there = await site.namespace('there');
    const between = isParted ? await site.namespace('between') : null;
    const connect = (a: string, nameA: string, b: string, nameB: string) =>
      ip([
        ...['link', 'add', nameA, 'netns', a, 'type', 'veth'],
        ...['peer', 'name', nameB, 'netns', b],
      ]);
    if (between !== null) {
      connect(here, LINK, between, BETWEEN[0]);
      connect(there, LINK, between, BETWEEN[1]);
      for (const name of ['lo', ...BETWEEN]) ip(['-n', between, 'link', 'set', name, 'up']);
    } else connect(here, LINK, there, LINK);
    for (const side of ['here', 'there'] as const) {
      const ns = side === 'here' ? here : there;
      ip(['-n', ns, 'link', 'set', 'lo', 'up']);
      ip(['-n', ns, 'link', 'set', LINK, 'up']);
      for (let n = 1; n <= addresses[side]; n++) {
        ip(['-n', ns, 'address', 'add', `${lanIp(side, n)}/24`, 'dev', LINK]);
        ip(['-n', ns, 'address', 'add', `${lanIp(side, n, 6)}/64`, 'dev', LINK, 'nodad']);
      }
    }
    return { here, there, between: between ?? '' };
  });

/** Three hosts in a row: IPv4 only on the first link, IPv6 only on the second. */
export interface Chain extends Ground {
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
