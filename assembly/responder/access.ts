/** Who may be served: the access rules and one token bucket per client (src/ntp/prefix, ratelimit). */
import { BUCKET_BYTES, BUCKETS, MAX_BUCKETS, MAX_RULES, RULE_BYTES, RULES } from './memory';

// A rule: u64 high and low of the prefix, u64 high and low of its mask, u32 allowed
const RULE_LOW: usize = 8;
const RULE_MASK_HIGH: usize = 16;
const RULE_MASK_LOW: usize = 24;
const RULE_ALLOW: usize = 32;

// A bucket: u32 high and low of the client, f64 level, last seen, last kiss (ns), u32 over-rate
// count, u32 flags. All zero: nobody's.
const BUCKET_LOW: usize = 4;
const BUCKET_TOKENS: usize = 8;
const BUCKET_SEEN: usize = 16;
const BUCKET_KISS: usize = 24;
const BUCKET_EXCESS: usize = 32;
const BUCKET_FLAGS: usize = 36;
const TAKEN: u32 = 1;
const KISSED: u32 = 2;

/** Neighbouring buckets searched for a client. */
const WAYS: i32 = 4;
const NEVER: f64 = -1e300;

export const PASS: i32 = 0;
export const KISS: i32 = 1;
export const DROP: i32 = 2;

let rules: i32 = 0;
let intervalNs: f64 = 0.0; // 0: no limit
let burst: f64 = 0.0;
let leakMask: u32 = 0;
let seed: u32 = 0;
let buckets: i32 = 0;

/** The first `count` of RULES hold from now on. @returns 0, or −1 if there is no room for them */
export function setRules(count: i32): i32 {
  if (count < 0 || count > MAX_RULES) return -1;
  rules = count;
  return 0;
}

/**
 * Begins to limit, all buckets full.
 * @param interval ns per request in the long run; 0: no limit
 * @param size of the table, a power of two
 * @returns 0, or −1 if there is no such table
 */
export function setLimit(interval: f64, most: f64, mask: i32, seeded: i32, size: i32): i32 {
  if (size < WAYS || size > MAX_BUCKETS || (size & (size - 1)) != 0) return -1;
  intervalNs = interval;
  burst = most;
  leakMask = u32(mask);
  seed = u32(seeded);
  for (let at = BUCKETS; at < BUCKETS + BUCKET_BYTES * usize(buckets); at += 8) store<u64>(at, 0);
  buckets = size;
  return 0;
}

/** True if the client may be served. Its address in wire order, IPv4 in ::ffff:0:0/96. */
export function isAllowed(high: u64, low: u64): bool {
  for (let n = 0, at = RULES; n < rules; n++, at += RULE_BYTES) {
    if (((high ^ load<u64>(at)) & load<u64>(at, RULE_MASK_HIGH)) != 0) continue;
    if (((low ^ load<u64>(at, RULE_LOW)) & load<u64>(at, RULE_MASK_LOW)) != 0) continue;
    return load<u32>(at, RULE_ALLOW) != 0;
  }
  return false;
}

/** Takes one token of the client's bucket: PASS, or over the rate KISS or DROP. */
export function take(high: u64, low: u64, nowNs: f64): i32 {
  if (intervalNs == 0.0) return PASS;
  const isIpv4 = high == 0 && low >> 32 == 0xffff;
  const at = find(isIpv4 ? 0xffff : u32(high >> 32), isIpv4 ? u32(low) : u32(high), nowNs);
  const gained = (nowNs - load<f64>(at, BUCKET_SEEN)) / intervalNs;
  const tokens = min<f64>(load<f64>(at, BUCKET_TOKENS) + max<f64>(gained, 0.0), burst);
  store<f64>(at, nowNs, BUCKET_SEEN);
  if (tokens >= 1.0) {
    store<f64>(at, tokens - 1.0, BUCKET_TOKENS);
    return PASS;
  }
  store<f64>(at, tokens, BUCKET_TOKENS);
  const excess = load<u32>(at, BUCKET_EXCESS);
  store<u32>(at, (excess + 1) & 0xffff, BUCKET_EXCESS);
  if ((excess & leakMask) != 0) return DROP;
  const flags = load<u32>(at, BUCKET_FLAGS);
  if ((flags & KISSED) != 0 && nowNs - load<f64>(at, BUCKET_KISS) < intervalNs) return DROP;
  store<f64>(at, nowNs, BUCKET_KISS);
  store<u32>(at, flags | KISSED, BUCKET_FLAGS);
  return KISS;
}

/** The client's bucket, made anew in place of the longest unseen neighbour if it has none. */
function find(high: u32, low: u32, nowNs: f64): usize {
  const row = usize(hash(high, low) & u32(buckets - 1) & ~u32(WAYS - 1));
  const first = BUCKETS + BUCKET_BYTES * row;
  let oldest = first;
  let oldestNs: f64 = Infinity;
  for (let n = 0, at = first; n < WAYS; n++, at += BUCKET_BYTES) {
    const isTaken = load<u32>(at, BUCKET_FLAGS) != 0;
    if (isTaken && load<u32>(at) == high && load<u32>(at, BUCKET_LOW) == low) return at;
    const seenNs = isTaken ? load<f64>(at, BUCKET_SEEN) : NEVER;
    if (seenNs < oldestNs) {
      oldest = at;
      oldestNs = seenNs;
    }
  }
  store<u32>(oldest, high);
  store<u32>(oldest, low, BUCKET_LOW);
  store<f64>(oldest, burst, BUCKET_TOKENS);
  store<f64>(oldest, nowNs, BUCKET_SEEN);
  store<u32>(oldest, 0, BUCKET_EXCESS);
  store<u32>(oldest, TAKEN, BUCKET_FLAGS);
  return oldest;
}

/** Murmur3 of two words, as src/ntp/hash.ts. */
function hash(first: u32, second: u32): u32 {
  let h = mixed(mixed(seed, first), second);
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return h ^ (h >> 16);
}

function mixed(h: u32, word: u32): u32 {
  const k = rotl<u32>(word * 0xcc9e2d51, 15) * 0x1b873593;
  return rotl<u32>(h ^ k, 13) * 5 + 0xe6546b64;
}
