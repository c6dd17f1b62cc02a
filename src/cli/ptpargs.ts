/** What `clockbraid ptp` was asked for, as options of the library. */
import { networkInterfaces } from 'node:os';
import { COMBINERS } from '../core.ts';
import { ConfigError } from '../errors.ts';
import { canonicalIp } from '../path.ts';
import type { PhaseAdjustment, PhaseUnit } from '../ptp/enterprisetlv.ts';
import type { Ipv6Scope } from '../ptp/groups.ts';
import { PROFILE_NAMES, REVISIONS } from '../ptp/profile.ts';
import type { PtpClockOptions } from '../ptpclock.ts';
import { type Args, UsageError } from './args.ts';
import { discoveryOptions } from './discovery.ts';

const LOG_INTERVAL = { least: -10, most: 22, integer: true };

/** Options of the library from those of the command. Throws ConfigError. */
export function ptpOptions(
  args: Args,
  role: 'slave' | 'master',
  addresses: readonly string[],
): PtpClockOptions {
  const masters = args.texts('master');
  const isUnicast = masters.length > 0 || args.flag('unicast');
  const several = role === 'slave' ? 'single-ended' : 'dual-ended';
  const usual = addresses.length > 1 ? several : isUnicast ? 'single-ended' : 'plain';
  const byte = (name: string) =>
    args.number(name, undefined, { least: 0, most: 255, integer: true });
  const port = (name: string, usualPort: number) =>
    args.number(name, usualPort, { least: 1, most: 65535, integer: true });
  const role3 = role === 'slave' ? 'slave' : args.flag('master-only') ? 'master' : 'any';
  const primary = args.text('primary');
  const clockIdentity = args.text('clock-identity');
  const mac = macOf(primary ?? addresses[0] ?? '');
  const log = (name: string) => args.number(name, undefined, LOG_INTERVAL);
  const domains = args.texts('domain').map((text) => whole('domain', text, 127));
  return {
    mode: args.choice('mode', usual, ['plain', 'single-ended', 'dual-ended']),
    role: role3,
    addresses,
    ...given({ primary, clockIdentity, mac }),
    ...given({
      masters: isUnicast ? masters : undefined,
      multicastSync: args.flag('multicast-sync') || undefined,
      delayRequests: args.flag('hybrid') ? ('unicast' as const) : undefined,
      pairing: chosen(args, 'pairing', ['mesh', '1:1']),
      delayAsymmetryNs: asymmetries(args.texts('delay-asymmetry')),
      grantDurationS: args.number('grant-seconds', undefined, {
        ...{ least: 10, most: 1000, integer: true },
      }),
      domains: domains.length > 1 ? domains : undefined,
      discovery: discoveryOptions(args),
    }),
    ...profileOf(args),
    clock: given({
      domainNumber: domains.length === 1 ? domains[0] : undefined,
      priority1: byte('priority1'),
      priority2: byte('priority2'),
      clockClass: args.number('clock-class', undefined, { least: 0, most: 254, integer: true }),
    }),
    port: given({
      logAnnounceInterval: log('announce'),
      logSyncInterval: log('sync'),
      logMinDelayReqInterval: log('delay'),
      logMinPdelayReqInterval: log('delay'),
      announceReceiptTimeout: args.number('announce-timeout', undefined, {
        ...{ least: 2, most: 255, integer: true },
      }),
      delayMechanism: args.flag('p2p') ? (2 as const) : undefined,
    }),
    ports: { event: port('event-port', 319), general: port('general-port', 320) },
    hops: args.number('hops', 1, { least: 1, most: 255, integer: true }),
    combiner: args.choice('combiner', 'braid', COMBINERS),
  };
}

/** What profiles are about. Throws ConfigError. */
function profileOf(args: Args): Partial<PtpClockOptions> {
  const acceptable = args.texts('acceptable');
  const scope = args.text('scope');
  if (scope !== undefined && !/^[0-9a-f]$/.test(scope)) {
    throw new ConfigError('--scope', 'a hexadecimal digit', scope);
  }
  return given({
    profile: chosen(args, 'profile', PROFILE_NAMES),
    revision: chosen(args, 'revision', REVISIONS),
    preferred: args.flag('preferred') || undefined,
    alternateMaster: args.flag('alternate') || undefined,
    delayMode: chosen(args, 'delay-mode', ['multicast', 'unicast', 'hybrid']),
    maxPhaseAdjustment: adjustmentOf(args.text('max-adjustment')),
    acceptable: acceptable.length > 0 ? acceptable : undefined,
    scope: scope as Ipv6Scope | undefined,
    management: args.flag('management') || undefined,
  });
}

function adjustmentOf(text: string | undefined): PhaseAdjustment | undefined {
  if (text === undefined) return undefined;
  const [, value, unit] = /^(\d{1,5})(s|ms|us|ns|ps|fs)$/.exec(text) ?? [];
  if (value === undefined) throw new ConfigError('--max-adjustment', 'such as 500ns', text);
  return { value: whole('max-adjustment', value, 0xffff), unit: unit as PhaseUnit };
}

function whole(name: string, text: string, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= most)) throw new ConfigError(`--${name}`, `an integer 0..${most}`, text);
  return value;
}

const chosen = <Word extends string>(
  args: Args,
  name: string,
  words: readonly [Word, ...Word[]],
) => (args.text(name) === undefined ? undefined : args.choice(name, words[0], words));

/** `NS` for all paths, `ADDR=NS` for some. */
function asymmetries(texts: readonly string[]): Record<string, number> | undefined {
  const found: Record<string, number> = {};
  for (const text of texts) {
    const at = text.lastIndexOf('=');
    const ns = text.slice(at + 1).trim();
    if (!/^[+-]?[0-9]+(\.[0-9]+)?$/.test(ns)) {
      throw new UsageError(`--delay-asymmetry expects NS or ADDR=NS, not "${text}"`);
    }
    found[text.slice(0, Math.max(at, 0))] = Number(ns);
  }
  return texts.length > 0 ? found : undefined;
}

/** Only what was given. */
export const given = <T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;

/** As far as Deno lets us (--allow-sys=networkInterfaces). */
function interfaces(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces();
  } catch {
    return {};
  }
}

/** MAC address of the interface with this address; undefined for loopback and unknown ones. */
function macOf(address: string): string | undefined {
  const wanted = canonicalIp(address)?.replace(/%.*$/, '');
  for (const entry of Object.values(interfaces()).flat()) {
    if (entry === undefined || canonicalIp(entry.address)?.replace(/%.*$/, '') !== wanted) continue;
    return entry.mac === '00:00:00:00:00:00' ? undefined : entry.mac;
  }
  return undefined;
}
