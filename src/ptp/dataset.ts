/**
 * The data sets of a PTP clock, with the names of IEEE 1588-2008 §8.2 that pmc prints, and their
 * updates by the state decision (§9.3.5). Does not decide: bmca.ts does.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import type { EnterpriseTlv } from './enterprisetlv.ts';
import { NO_TIME_FLAGS, type TimeFlags } from './flags.ts';
import { type PortIdentity, requireClockIdentity, samePort } from './identity.ts';
import type { ClockQuality } from './quality.ts';

/** §8.2.4; the same flags stand in octet 7 of an Announce's flagField. */
export interface TimePropertiesDS extends TimeFlags {
  /** TAI − UTC; may be negative. (s, i16) */
  readonly currentUtcOffset: number;
  /** 0x10 atomic, 0x20 GNSS, 0x40 PTP, 0x50 NTP, 0x60 hand set, 0xa0 internal oscillator. (u8) */
  readonly timeSource: number;
}

/** What an Announce says. No field may refer to the datagram's bytes: tables keep it. */
export interface AnnounceContent extends TimePropertiesDS {
  readonly sourcePortIdentity: PortIdentity;
  readonly alternateMasterFlag: boolean;
  readonly grandmasterPriority1: number;
  readonly grandmasterClockQuality: ClockQuality;
  readonly grandmasterPriority2: number;
  /** Canonical text. */
  readonly grandmasterIdentity: string;
  /** Boundary clocks between sender and grandmaster. (0–65535) */
  readonly stepsRemoved: number;
  /** clockIdentities of a PATH_TRACE TLV, grandmaster first. */
  readonly pathTrace?: readonly string[];
  /** The Enterprise Profile's TLV. */
  readonly enterprise?: EnterpriseTlv;
}

/** §8.2.1 */
export interface DefaultDS {
  readonly twoStepFlag: boolean;
  readonly slaveOnly: boolean;
  readonly numberPorts: number;
  readonly priority1: number;
  readonly clockQuality: ClockQuality;
  readonly priority2: number;
  readonly clockIdentity: string;
  readonly domainNumber: number;
}

/** §8.2.2 */
export interface CurrentDS {
  stepsRemoved: number;
  /** Slave − master: PTP's sign, the opposite of our offset. (ns) */
  offsetFromMasterNs: number;
  /** (ns) */
  meanPathDelayNs: number;
}

/** §8.2.3 */
export interface ParentDS {
  /** Own clock with port 0 while it is grandmaster. */
  readonly parentPortIdentity: PortIdentity;
  readonly parentStats: boolean;
  /** 0xffff: not computed. */
  readonly observedParentOffsetScaledLogVariance: number;
  /** 0x7fffffff: not computed. */
  readonly observedParentClockPhaseChangeRate: number;
  readonly grandmasterPriority1: number;
  readonly grandmasterClockQuality: ClockQuality;
  readonly grandmasterPriority2: number;
  readonly grandmasterIdentity: string;
}

/** What a clock knows about itself and whom it follows. Plain data. */
export interface Datasets {
  readonly defaultDS: DefaultDS;
  currentDS: CurrentDS;
  parentDS: ParentDS;
  timePropertiesDS: TimePropertiesDS;
}

/** A free-running clock of unknown timescale: what a clock says until it knows better. */
export const UNKNOWN_TIME: TimePropertiesDS = {
  ...NO_TIME_FLAGS,
  currentUtcOffset: 0,
  timeSource: 0xa0,
};

export interface ClockConfig {
  readonly clockIdentity: string;
  /** (0–127, default 0) */
  readonly domainNumber?: number;
  /** Never a master: clockClass 255. Default false. */
  readonly slaveOnly?: boolean;
  /** (0–255, default 128; 255 if slave-only, so that no master loses to a clock that follows) */
  readonly priority1?: number;
  readonly priority2?: number;
  /** (0–254, default 248) */
  readonly clockClass?: number;
  /** (0–255, default 0xfe) */
  readonly clockAccuracy?: number;
  /** (0–65535, default 0xffff) */
  readonly offsetScaledLogVariance?: number;
  /** (1–65534, default 1) */
  readonly numberPorts?: number;
  /** Default true: our stamps are known after the send. */
  readonly twoStepFlag?: boolean;
}

/** The defaultDS of a configuration. Throws ConfigError. */
export function createDefaultDS(config: ClockConfig): DefaultDS {
  const { slaveOnly = false, numberPorts = 1, twoStepFlag = true, domainNumber = 0 } = config;
  const { clockAccuracy = 0xfe, offsetScaledLogVariance = 0xffff } = config;
  const { priority1 = slaveOnly ? 255 : 128, priority2 = slaveOnly ? 255 : 128 } = config;
  const { clockClass = slaveOnly ? SLAVE_ONLY_CLASS : 248 } = config;
  if (slaveOnly && clockClass !== SLAVE_ONLY_CLASS) {
    throw new ConfigError('ptp.clockClass', '255, or none at all, with slaveOnly', clockClass);
  }
  requireInteger('ptp.clockClass', clockClass, 0, slaveOnly ? 255 : 254);
  requireInteger('ptp.clockAccuracy', clockAccuracy, 0, 255);
  requireInteger('ptp.offsetScaledLogVariance', offsetScaledLogVariance, 0, 0xffff);
  requireInteger('ptp.priority1', priority1, 0, 255);
  requireInteger('ptp.priority2', priority2, 0, 255);
  requireInteger('ptp.domainNumber', domainNumber, 0, 127);
  requireInteger('ptp.numberPorts', numberPorts, 1, 65534);
  return {
    twoStepFlag,
    slaveOnly,
    numberPorts,
    priority1,
    clockQuality: { clockClass, clockAccuracy, offsetScaledLogVariance },
    priority2,
    clockIdentity: requireClockIdentity('ptp.clockIdentity', config.clockIdentity),
    domainNumber,
  };
}

/** The data sets of a clock that starts, its own parent (§8.2.2.1, §8.2.3.1). */
export function createDatasets(defaultDS: DefaultDS, own: TimePropertiesDS): Datasets {
  return {
    defaultDS,
    currentDS: { stepsRemoved: 0, offsetFromMasterNs: 0, meanPathDelayNs: 0 },
    parentDS: ownParent(defaultDS),
    timePropertiesDS: copyTime(own),
  };
}

/** What an update changed. */
export interface Takeover {
  readonly parentChanged: boolean;
  readonly grandmasterChanged: boolean;
}

/** Update for M1 and M2: the clock is grandmaster (§9.3.5 table 13). */
export function becomeGrandmaster(sets: Datasets, own: TimePropertiesDS): Takeover {
  const before = sets.parentDS;
  sets.currentDS = { stepsRemoved: 0, offsetFromMasterNs: 0, meanPathDelayNs: 0 };
  sets.parentDS = ownParent(sets.defaultDS);
  sets.timePropertiesDS = copyTime(own);
  return takeover(before, sets.parentDS);
}

/** Update for S1, and on every later Announce of the parent (§9.3.5 table 16, BASE-B4). */
export function followMaster(sets: Datasets, announce: AnnounceContent): Takeover {
  const before = sets.parentDS;
  sets.currentDS.stepsRemoved = announce.stepsRemoved + 1;
  sets.parentDS = {
    ...before,
    parentPortIdentity: announce.sourcePortIdentity,
    grandmasterPriority1: announce.grandmasterPriority1,
    grandmasterClockQuality: announce.grandmasterClockQuality,
    grandmasterPriority2: announce.grandmasterPriority2,
    grandmasterIdentity: announce.grandmasterIdentity,
  };
  sets.timePropertiesDS = copyTime(announce);
  return takeover(before, sets.parentDS);
}

/** What a master port of this clock announces (§9.5.3, BASE-B4). */
export const announceOf = (sets: Datasets, port: PortIdentity): AnnounceContent => ({
  ...copyTime(sets.timePropertiesDS),
  sourcePortIdentity: port,
  alternateMasterFlag: false,
  grandmasterPriority1: sets.parentDS.grandmasterPriority1,
  grandmasterClockQuality: sets.parentDS.grandmasterClockQuality,
  grandmasterPriority2: sets.parentDS.grandmasterPriority2,
  grandmasterIdentity: sets.parentDS.grandmasterIdentity,
  stepsRemoved: sets.currentDS.stepsRemoved,
});

const SLAVE_ONLY_CLASS = 255;

const ownParent = (own: DefaultDS): ParentDS => ({
  parentPortIdentity: { clockIdentity: own.clockIdentity, portNumber: 0 },
  parentStats: false,
  observedParentOffsetScaledLogVariance: 0xffff,
  observedParentClockPhaseChangeRate: 0x7fffffff,
  grandmasterPriority1: own.priority1,
  grandmasterClockQuality: own.clockQuality,
  grandmasterPriority2: own.priority2,
  grandmasterIdentity: own.clockIdentity,
});

const takeover = (before: ParentDS, after: ParentDS): Takeover => ({
  parentChanged: !samePort(before.parentPortIdentity, after.parentPortIdentity),
  grandmasterChanged: before.grandmasterIdentity !== after.grandmasterIdentity,
});

/** These fields alone: an Announce has more. */
export const copyTime = (from: TimePropertiesDS): TimePropertiesDS => ({
  currentUtcOffset: from.currentUtcOffset,
  currentUtcOffsetValid: from.currentUtcOffsetValid,
  leap59: from.leap59,
  leap61: from.leap61,
  timeTraceable: from.timeTraceable,
  frequencyTraceable: from.frequencyTraceable,
  ptpTimescale: from.ptpTimescale,
  synchronizationUncertain: from.synchronizationUncertain,
  timeSource: from.timeSource,
});
