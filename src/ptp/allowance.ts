/**
 * How many answers strangers may draw: token buckets, one for all and one per address (IPv6: /64).
 * Whoever writes a victim's address into a request makes us send to it; the total bounds that
 * whatever the number of addresses made up, the buckets of addresses share it out (SEC-08).
 * Memory is bounded; time comes in.
 */
import { requireInteger } from '../errors.ts';
import { ipv6Groups, isIpv6 } from '../path.ts';
import { NS_PER_S, type Tick } from '../units.ts';

export interface AllowanceConfig {
  /** Answers per second and address in the long run. (1–10^6) */
  readonly perAddressPerS: number;
  /** Answers per second to all addresses together. (1–10^6) */
  readonly totalPerS: number;
}

/** So many may leave at once, `perS` of them come back each second. */
export interface Bucket {
  readonly perS: number;
  readonly burst: number;
  tokens: number;
  atNs: Tick;
}

/** Plain data. */
export interface Allowance {
  readonly perAddressPerS: number;
  readonly total: Bucket;
  /** By address or prefix, the longest unseen first. */
  readonly byAddress: Map<string, Bucket>;
}

/** Addresses remembered; one that falls out gets a fresh bucket, which the total still bounds. */
const MAX_ADDRESSES = 4096;
/** The least burst: requests come in clumps after a stall. */
const MIN_BURST = 8;

/** Throws ConfigError; `field` begins the names in it. */
export function createAllowance(
  field: string,
  { perAddressPerS, totalPerS }: AllowanceConfig,
  nowNs: Tick,
): Allowance {
  requireInteger(`${field}.perAddressPerS`, perAddressPerS, 1, 1e6);
  requireInteger(`${field}.totalPerS`, totalPerS, 1, 1e6);
  return { perAddressPerS, total: createBucket(totalPerS, nowNs), byAddress: new Map() };
}

/** A full bucket; a second's worth may leave at once. */
export function createBucket(perS: number, nowNs: Tick): Bucket {
  const burst = Math.max(perS, MIN_BURST);
  return { perS, burst, tokens: burst, atNs: nowNs };
}

/** Takes `count` tokens if they are there. */
export function take(bucket: Bucket, count: number, nowNs: Tick): boolean {
  fill(bucket, nowNs);
  if (bucket.tokens < count) return false;
  bucket.tokens -= count;
  return true;
}

/** Whether `count` packets may go to this address now; if so they are counted. */
export function allow(allowance: Allowance, ip: string, count: number, nowNs: Tick): boolean {
  const key = isIpv6(ip) ? prefix64(ip) : ip;
  const { byAddress, total } = allowance;
  const bucket = byAddress.get(key) ?? createBucket(allowance.perAddressPerS, nowNs);
  byAddress.delete(key);
  byAddress.set(key, bucket);
  if (byAddress.size > MAX_ADDRESSES) {
    const [oldest] = byAddress.keys();
    if (oldest !== undefined) byAddress.delete(oldest);
  }
  fill(total, nowNs);
  return total.tokens >= count && take(bucket, count, nowNs) && take(total, count, nowNs);
}

function fill(bucket: Bucket, nowNs: Tick): void {
  const gained = Math.max(0, ((nowNs - bucket.atNs) / NS_PER_S) * bucket.perS);
  bucket.tokens = Math.min(bucket.tokens + gained, bucket.burst);
  bucket.atNs = nowNs;
}

function prefix64(ip: string): string {
  const [literal = ''] = ip.split('%');
  return (ipv6Groups(literal) ?? []).slice(0, 4).join(':');
}
