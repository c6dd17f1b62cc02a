/**
 * Address prefixes for the server's access list and its per-client buckets. Everything is held as
 * eight 16-bit groups; IPv4 sits in ::ffff:0:0/96 (RFC 4291 §2.5.5.2), so one matcher does both.
 */
import { ConfigError } from '../errors.ts';
import { ipv4Octets, ipv6Groups } from '../path.ts';

/** Access list. The longest matching prefix decides; if none matches, an empty `allow` lets in. */
export interface Access {
  /** `192.0.2.0/24`, `2001:db8::/32` or a plain address. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface Rule {
  groups: number[];
  /** Leading bits that count. (0–128) */
  bits: number;
  allow: boolean;
}

/** Rules with the longest prefix first, the last one matching everything. Throws ConfigError. */
export function createRules(access: Access): Rule[] {
  const rules = [
    ...access.deny.map((text, index) => rule(`access.deny.${index}`, text, false)),
    ...access.allow.map((text, index) => rule(`access.allow.${index}`, text, true)),
  ];
  rules.push({ groups: new Array<number>(8).fill(0), bits: 0, allow: access.allow.length === 0 });
  return rules.sort((a, b) => b.bits - a.bits); // stable: deny wins a tie
}

/** True if the address (as {@link readIp} left it) may be served. */
export function isAllowed(rules: readonly Rule[], groups: ArrayLike<number>): boolean {
  for (const { groups: prefix, bits, allow } of rules) {
    if (matches(prefix, bits, groups)) return allow;
  }
  return false;
}

/**
 * Reads a canonical IP literal into eight groups without allocating; a zone is ignored.
 * @returns false if it is not a literal (`into` is then undefined)
 */
export function readIp(ip: string, into: Uint16Array): boolean {
  return ip.includes(':') ? readIpv6(ip, into) : readIpv4(ip, 0, into, 6);
}

function rule(field: string, text: string, allow: boolean): Rule {
  const slash = text.indexOf('/');
  const ip = slash < 0 ? text : text.slice(0, slash);
  const groups = new Uint16Array(8);
  const known = ipv4Octets(ip) !== null || ipv6Groups(ip) !== null;
  if (!known || !readIp(ip, groups)) throw new ConfigError(field, 'an address or prefix', text);
  const most = ip.includes(':') ? 128 : 32;
  const written = slash < 0 ? String(most) : text.slice(slash + 1);
  const length = Number(written);
  if (!/^\d{1,3}$/.test(written) || length > most) {
    throw new ConfigError(field, `a prefix length 0..${most}`, text);
  }
  return { groups: Array.from(groups), bits: length + 128 - most, allow };
}

function matches(prefix: ArrayLike<number>, bits: number, groups: ArrayLike<number>): boolean {
  const whole = bits >> 4;
  for (let i = 0; i < whole; i++) if (prefix[i] !== groups[i]) return false;
  const mask = 0xffff & ~(0xffff >> (bits & 15));
  return mask === 0 || (((prefix[whole] ?? 0) ^ (groups[whole] ?? 0)) & mask) === 0;
}

/** Dotted quad from `start` on into groups `at` and `at + 1`; all groups before are set too. */
function readIpv4(text: string, start: number, into: Uint16Array, at: number): boolean {
  if (at === 6) into.set(MAPPED);
  let octets = 0;
  let value = -1;
  let all = 0;
  for (let i = start; i <= text.length; i++) {
    const digit = text.charCodeAt(i) - 48; // NaN past the end
    if (digit >= 0 && digit <= 9) {
      value = (value < 0 ? 0 : value * 10) + digit;
      if (value > 255) return false;
    } else if (value >= 0 && (i === text.length || digit === DOT)) {
      all = (all << 8) | value;
      octets++;
      value = -1;
    } else {
      return false;
    }
  }
  into[at] = all >>> 16;
  into[at + 1] = all;
  return octets === 4;
}

function readIpv6(text: string, into: Uint16Array): boolean {
  let count = 0;
  let fold = -1; // group index at which :: stands
  let value = -1;
  let digits = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : PERCENT;
    const digit = hexDigit(code);
    if (digit >= 0) {
      value = (value < 0 ? 0 : value << 4) | digit;
      if (++digits > 4) return false;
      continue;
    }
    if (code !== COLON && code !== PERCENT) return false;
    const wrote = value >= 0;
    if (wrote) {
      if (count === 8) return false;
      into[count++] = value;
      value = -1;
      digits = 0;
    }
    if (code === PERCENT) break;
    if (text.charCodeAt(i + 1) === COLON) {
      if (fold >= 0) return false;
      fold = count;
      i++;
    } else if (!wrote || hexDigit(text.charCodeAt(i + 1)) < 0) {
      return false;
    }
  }
  if (fold < 0) return count === 8;
  if (count === 8) return false;
  into.copyWithin(8 - (count - fold), fold, count);
  into.fill(0, fold, 8 - (count - fold));
  return true;
}

const hexDigit = (code: number): number => {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = (code | 32) - 97;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
};

const COLON = 58;
const PERCENT = 37;
const DOT = 46 - 48;
const MAPPED = [0, 0, 0, 0, 0, 0xffff];
