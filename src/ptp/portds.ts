/** The data set of one port: IEEE 1588-2008 §8.2.5, with pmc's names, and its intervals. */
import { ConfigError, requireInteger } from '../errors.ts';
import type { PortIdentity } from './identity.ts';
import type { PortState } from './portstate.ts';

/** As the wire and pmc write it: 1 end to end, 2 peer to peer. */
export type DelayMechanism = 1 | 2;

export interface PortDS {
  readonly portIdentity: PortIdentity;
  portState: PortState;
  /** Mean interval between Delay_Req, told by the master in multicast. (log2 s) */
  logMinDelayReqInterval: number;
  /** (ns) */
  peerMeanPathDelayNs: number;
  /** (log2 s) */
  readonly logAnnounceInterval: number;
  /** Announce intervals without an Announce until the master counts as gone. */
  readonly announceReceiptTimeout: number;
  /** (log2 s) */
  readonly logSyncInterval: number;
  readonly delayMechanism: DelayMechanism;
  /** (log2 s) */
  readonly logMinPdelayReqInterval: number;
  readonly versionNumber: 2;
}

export interface PortConfig {
  /** (log2 s, −10–22, default 1: 2 s) */
  readonly logAnnounceInterval?: number;
  /** (intervals, 2–255, default 3) */
  readonly announceReceiptTimeout?: number;
  /** (log2 s, −10–22, default 0) */
  readonly logSyncInterval?: number;
  /** (log2 s, −10–22, default 0) */
  readonly logMinDelayReqInterval?: number;
  /** (log2 s, −10–22, default 0) */
  readonly logMinPdelayReqInterval?: number;
  /** 1 end to end (default), 2 peer to peer. */
  readonly delayMechanism?: DelayMechanism;
  /**
   * The announce receipt timeout is longer than its intervals by a random part of one (§9.2.6.11).
   * Default true; the Enterprise profile knows none (EP-055).
   */
  readonly extendsAnnounceTimeout?: boolean;
}

/** The portDS of a port that starts. Throws ConfigError. */
export function createPortDS(portIdentity: PortIdentity, config: PortConfig = {}): PortDS {
  const { logAnnounceInterval = 1, announceReceiptTimeout = 3, logSyncInterval = 0 } = config;
  const { logMinDelayReqInterval = 0, logMinPdelayReqInterval = 0, delayMechanism = 1 } = config;
  const logs = {
    logAnnounceInterval,
    logSyncInterval,
    logMinDelayReqInterval,
    logMinPdelayReqInterval,
  };
  for (const [name, log2S] of Object.entries(logs)) {
    requireInteger(`ptp.${name}`, log2S, MIN_INTERVAL_LOG2S, MAX_INTERVAL_LOG2S);
  }
  requireInteger('ptp.announceReceiptTimeout', announceReceiptTimeout, 2, 255);
  requireInteger('ptp.portNumber', portIdentity.portNumber, 1, 65534);
  if (delayMechanism !== 1 && delayMechanism !== 2) {
    throw new ConfigError(
      'ptp.delayMechanism',
      '1 (end to end) or 2 (peer to peer)',
      delayMechanism,
    );
  }
  return {
    portIdentity,
    portState: 'INITIALIZING',
    ...logs,
    peerMeanPathDelayNs: 0,
    announceReceiptTimeout,
    delayMechanism,
    versionNumber: 2,
  };
}

const MIN_INTERVAL_LOG2S = -10;
const MAX_INTERVAL_LOG2S = 22;

/**
 * The interval that a logMessageInterval means.
 * @returns s; null for 0x7f (none said) and what no receiver may arm a timer with
 */
export const intervalOfLog = (log2S: number): number | null =>
  log2S >= MIN_INTERVAL_LOG2S && log2S <= MAX_INTERVAL_LOG2S ? 2 ** log2S : null;
