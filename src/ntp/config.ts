/** What a user may ask of the NTP client, and what is wrong with it if it is. */
import { ConfigError, requireInteger } from '../errors.ts';
import type { Address } from '../machine.ts';
import { isIpv6, requireIp } from '../path.ts';
import { NS_PER_S, type Tick } from '../units.ts';

export interface ClientPath {
  readonly remote: Address;
  readonly localIp: string;
  /** If given, the pair may be several paths, each from a port of its own (1–65535). */
  readonly localPort?: number | undefined;
  /** Ask in interleaved mode (RFC 9769) where the server can. Default false. */
  readonly interleaved?: boolean;
}

export interface ClientConfig {
  /** One entry per path; each {remote IP, local IP} pair once, or once per local port. */
  readonly paths: readonly ClientPath[];
  /** Poll exponent to begin with, and the highest it may rise to. (log2 s, −4..17) */
  readonly minPollLog2S: number;
  readonly maxPollLog2S: number;
  /**
   * `shared`: all paths together ask as often as one association; `per-path`: each does, but paths
   * of one pair, which differ in the port, together as one.
   */
  readonly budget: 'shared' | 'per-path';
  /** Quick first exchanges per pair, outside the budget. (0–8, default 0) */
  readonly iburst?: number;
  /** Time between them. (s, default 2) */
  readonly iburstSpacingS?: number;
  /** Addresses of this host: a server following one of them is a loop. Loopback counts if given. */
  readonly ownAddresses: readonly string[];
  readonly nowNs: Tick;
  readonly maxPaths: number;
}

/** The checked part of it that the machine keeps. */
export interface ClientSettings {
  minPollLog2S: number;
  maxPollLog2S: number;
  budget: 'shared' | 'per-path';
  burst: number;
  burstSpacingNs: number;
  maxPaths: number;
}

const MIN_POLL_LOG2S = -4;
const MAX_POLL_LOG2S = 17; // RFC 5905 MAXPOLL
const MAX_BURST = 8; // RFC 5905 BCOUNT
const BURST_SPACING_S = 2; // RFC 5905 BTIME

export function checkConfig(config: ClientConfig): ClientSettings {
  const { minPollLog2S, maxPollLog2S, budget, maxPaths } = config;
  const { iburst = 0, iburstSpacingS = BURST_SPACING_S } = config;
  requireInteger('minPollLog2S', minPollLog2S, MIN_POLL_LOG2S, MAX_POLL_LOG2S);
  requireInteger('maxPollLog2S', maxPollLog2S, minPollLog2S, MAX_POLL_LOG2S);
  requireInteger('iburst', iburst, 0, MAX_BURST);
  requireInteger('maxPaths', maxPaths, 1, 65536);
  if (budget !== 'shared' && budget !== 'per-path') {
    throw new ConfigError('budget', '"shared" or "per-path"', budget);
  }
  if (!(iburstSpacingS > 0 && iburstSpacingS <= 64)) {
    throw new ConfigError('iburstSpacingS', 'more than 0 and at most 64 s', iburstSpacingS);
  }
  const burstSpacingNs = Math.round(iburstSpacingS * NS_PER_S);
  return { minPollLog2S, maxPollLog2S, budget, burst: iburst, burstSpacingNs, maxPaths };
}

/** The path in canonical form. Throws ConfigError with the field under `field`. */
export function checkPath(
  field: string,
  path: ClientPath,
): { remote: Address; localIp: string; localPort: number | undefined; interleaved: boolean } {
  const ip = requireIp(`${field}.remote.ip`, path.remote.ip);
  const localIp = requireIp(`${field}.localIp`, path.localIp);
  requireInteger(`${field}.remote.port`, path.remote.port, 1, 65535);
  if (isIpv6(ip) !== isIpv6(localIp)) {
    throw new ConfigError(`${field}.localIp`, `an address of the family of ${ip}`, localIp);
  }
  const { interleaved = false, localPort } = path;
  if (localPort !== undefined) requireInteger(`${field}.localPort`, localPort, 1, 65535);
  if (typeof interleaved !== 'boolean') {
    throw new ConfigError(`${field}.interleaved`, 'true or false', interleaved);
  }
  return { remote: { ip, port: path.remote.port }, localIp, localPort, interleaved };
}
