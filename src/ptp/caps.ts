/**
 * How much a master promises to whom at most, so that a forged request makes no amplifier of it
 * (SEC-07, SEC-08). Every promise is counted with its whole rate × duration until it ends, three
 * times: for the peer's address, for its prefix (IPv4 /24, IPv6 /56), and in total.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import { ipv6Groups, isIpv6 } from '../path.ts';
import type { Negotiable } from './negotiation.ts';

/** What running grants add up to; and, as a cap, what they may. */
export interface Load {
  readonly grants: number;
  /** Sync counts twice, with its Follow_Up, and so does Pdelay_Resp. (1/s) */
  readonly packetsPerS: number;
  /** Rate × duration of what is sent unasked: Announce, Sync, Follow_Up. (octets of PTP) */
  readonly octets: number;
}

export interface GrantLimits {
  /** Longest grant. (s, 1–3600, default 300) */
  readonly maxDurationS: number;
  /** Longest grant to a peer that has not yet come back to renew one. (s, 1–3600, default 30) */
  readonly firstDurationS: number;
  /** Where caps would make a grant shorter than this, and than asked, it is denied. (s, default 4) */
  readonly minDurationS: number;
  /** Octets that are sent for each octet of a request at most. (10–10^6, default 1000) */
  readonly factor: number;
  /** Intervals that are granted. (log2 s, −10–22, default −7 and 7) */
  readonly minLogInterval: number;
  readonly maxLogInterval: number;
  /** Of one remote address, over all of ours. */
  readonly peer: Load;
  readonly prefix: Load;
  /** Half of it is for peers that have renewed a grant. */
  readonly total: Load;
  /** Answers to requests that are all denied, and to strangers' cancels. (1/s, default 1000) */
  readonly denialsPerS: number;
}

export const GRANT_LIMITS: GrantLimits = {
  maxDurationS: 300,
  firstDurationS: 30,
  minDurationS: 4,
  factor: 1000,
  minLogInterval: -7,
  maxLogInterval: 7,
  peer: { grants: 64, packetsPerS: 1024, octets: 1e6 },
  prefix: { grants: 2048, packetsPerS: 8192, octets: 32e6 },
  total: { grants: 16384, packetsPerS: 65536, octets: 256e6 },
  denialsPerS: 1000,
};

/** What newcomers may have of the total. */
const NEWCOMER_SHARE = 0.5;

/** Throws ConfigError. */
export function checkLimits(limits: GrantLimits): GrantLimits {
  requireInteger('ptp.limits.maxDurationS', limits.maxDurationS, 1, 3600);
  requireInteger('ptp.limits.firstDurationS', limits.firstDurationS, 1, 3600);
  requireInteger('ptp.limits.minDurationS', limits.minDurationS, 1, 3600);
  requireInteger('ptp.limits.factor', limits.factor, 10, 1e6);
  requireInteger('ptp.limits.minLogInterval', limits.minLogInterval, -10, 22);
  requireInteger('ptp.limits.maxLogInterval', limits.maxLogInterval, limits.minLogInterval, 22);
  requireInteger('ptp.limits.denialsPerS', limits.denialsPerS, 1, 1e6);
  for (const scope of ['peer', 'prefix', 'total'] as const) {
    for (const part of PARTS) {
      const value = limits[scope][part];
      if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
        throw new ConfigError(`ptp.limits.${scope}.${part}`, 'a number from 0 on', value);
      }
    }
    requireInteger(`ptp.limits.${scope}.grants`, limits[scope].grants, 0, 2 ** 20);
  }
  return limits;
}

/** Packets per granted message, and the octets of those that no request of the peer precedes. */
const COST: Readonly<Record<Negotiable, { packets: number; unasked: number; octets: number }>> = {
  Announce: { packets: 1, unasked: 1, octets: 64 },
  Sync: { packets: 2, unasked: 2, octets: 88 },
  Delay_Resp: { packets: 1, unasked: 0, octets: 0 },
  Pdelay_Resp: { packets: 2, unasked: 0, octets: 0 },
};

/** Octets sent unasked for one granted message; each packet over IPv6 has two more. */
export const unaskedOctets = (type: Negotiable, remoteIp: string): number =>
  COST[type].octets + (isIpv6(remoteIp) ? 2 * COST[type].unasked : 0);

/** What a grant promises, begun messages whole. Exact: rates are powers of two. */
export function loadOf(
  type: Negotiable,
  logInterval: number,
  durationS: number,
  remoteIp: string,
): Load {
  const messagesPerS = 2 ** -logInterval;
  return {
    grants: 1,
    packetsPerS: messagesPerS * COST[type].packets,
    octets: Math.ceil(messagesPerS * durationS) * unaskedOctets(type, remoteIp),
  };
}

const PARTS = ['grants', 'packetsPerS', 'octets'] as const;
export const NO_LOAD: Load = { grants: 0, packetsPerS: 0, octets: 0 };

/** a + times × b */
export const addLoad = (a: Load, b: Load, times = 1): Load => ({
  grants: a.grants + times * b.grants,
  packetsPerS: a.packetsPerS + times * b.packetsPerS,
  octets: a.octets + times * b.octets,
});

/** Sums of all running grants; who has none has no entry. */
export interface Ledger {
  total: Load;
  newcomers: Load;
  readonly peers: Map<string, Load>;
  readonly prefixes: Map<string, Load>;
}

export const createLedger = (): Ledger => ({
  total: NO_LOAD,
  newcomers: NO_LOAD,
  peers: new Map(),
  prefixes: new Map(),
});

/** Books a load of one peer, or with `times` −1 takes it off. */
export function book(
  ledger: Ledger,
  remoteIp: string,
  load: Load,
  isNewcomer: boolean,
  times: 1 | -1 = 1,
): void {
  ledger.total = addLoad(ledger.total, load, times);
  if (isNewcomer) ledger.newcomers = addLoad(ledger.newcomers, load, times);
  bookIn(ledger.peers, remoteIp, load, times);
  bookIn(ledger.prefixes, prefixOf(remoteIp), load, times);
}

function bookIn(sums: Map<string, Load>, key: string, load: Load, times: 1 | -1): void {
  const sum = addLoad(sums.get(key) ?? NO_LOAD, load, times);
  if (sum.grants === 0) sums.delete(key);
  else sums.set(key, sum);
}

/** True if no cap forbids this change (may be negative) to what a peer has; caps can be reached. */
export function hasRoom(
  ledger: Ledger,
  limits: GrantLimits,
  remoteIp: string,
  change: Load,
  isNewcomer: boolean,
): boolean {
  const isWithin = (sum: Load, cap: Load, share = 1): boolean =>
    PARTS.every((part) => change[part] <= 0 || sum[part] + change[part] <= share * cap[part]);
  return (
    isWithin(ledger.peers.get(remoteIp) ?? NO_LOAD, limits.peer) &&
    isWithin(ledger.prefixes.get(prefixOf(remoteIp)) ?? NO_LOAD, limits.prefix) &&
    isWithin(ledger.total, limits.total) &&
    (!isNewcomer || isWithin(ledger.newcomers, limits.total, NEWCOMER_SHARE))
  );
}

/** The network an address is counted with: IPv4 /24, IPv6 /56 (a zone does not matter). */
export function prefixOf(ip: string): string {
  if (!isIpv6(ip)) return ip.slice(0, ip.lastIndexOf('.'));
  const [a = 0, b = 0, c = 0, d = 0] = ipv6Groups(ip.replace(/%.*/, '')) ?? [];
  return [a, b, c, d & 0xff00].map((group) => group.toString(16)).join(':');
}
