/** What a clock tells of itself by management: one value for each managementId it knows. */
import type { CurrentDS, Datasets } from './dataset.ts';
import { CLOCK_TYPES, portAddress } from './description.ts';
import type { ManagementData, ManagementName } from './management.ts';
import type { PortDS } from './portds.ts';
import { PORT_STATE_CODE } from './portstate.ts';

/** What the clock is, in words. */
export interface About {
  /** `manufacturer;model;instance` */
  readonly productDescription: string;
  /** `hardware;firmware;software` */
  readonly revisionData: string;
  /** What the user calls it. */
  readonly userDescription: string;
  /** OUI of the maker; 0 has none. (u24) */
  readonly manufacturerIdentity: number;
  /** MAC of the port, empty if not known. */
  readonly physicalAddress: Uint8Array;
  /** See PROFILE_IDENTITIES in description.ts. */
  readonly profileIdentity: Uint8Array;
  /** Ports grant unicast transmission. */
  readonly unicastNegotiation: boolean;
}

/** Whom to ask. Plain data. */
export interface Told {
  readonly sets: Datasets;
  readonly portSets: readonly PortDS[];
  readonly about: About;
  /** When the last Sync came in, by the served clock; 0: none. May be set. (ns since 1970) */
  lastSyncNs: bigint;
}

/** What the whole clock has one of; null for other ids. */
export function clockData(told: Told, id: ManagementName): ManagementData | null {
  const { defaultDS, currentDS, parentDS, timePropertiesDS } = told.sets;
  switch (id) {
    case 'USER_DESCRIPTION':
      return { id, value: told.about.userDescription };
    case 'DEFAULT_DATA_SET':
      return { id, value: defaultDS };
    case 'CURRENT_DATA_SET':
      return { id, value: currentData(currentDS) };
    case 'PARENT_DATA_SET':
      return { id, value: parentDS };
    case 'TIME_PROPERTIES_DATA_SET':
    case 'UTC_PROPERTIES':
    case 'TRACEABILITY_PROPERTIES':
    case 'TIMESCALE_PROPERTIES':
      return { id, value: timePropertiesDS };
    case 'PRIORITY1':
      return { id, value: defaultDS.priority1 };
    case 'PRIORITY2':
      return { id, value: defaultDS.priority2 };
    case 'DOMAIN':
      return { id, value: defaultDS.domainNumber };
    case 'SLAVE_ONLY':
      return { id, value: defaultDS.slaveOnly };
    case 'CLOCK_ACCURACY':
      return { id, value: defaultDS.clockQuality.clockAccuracy };
    case 'TIME_STATUS_NP':
      return {
        id,
        value: {
          masterOffset: whole(currentDS.offsetFromMasterNs),
          ingressTime: told.lastSyncNs,
          cumulativeScaledRateOffset: 0,
          scaledLastGmPhaseChange: 0,
          gmTimeBaseIndicator: 0,
          lastGmPhaseChange: 0n,
          gmPresent: parentDS.grandmasterIdentity !== defaultDS.clockIdentity,
          gmIdentity: parentDS.grandmasterIdentity,
        },
      };
    default:
      return null;
  }
}

/** What each port has one of; null for other ids. @param localIp where it was asked */
export function portData(
  told: Told,
  portDS: PortDS,
  id: ManagementName,
  localIp: string,
): ManagementData | null {
  switch (id) {
    case 'NULL_MANAGEMENT':
      return { id, value: null };
    case 'CLOCK_DESCRIPTION':
      return {
        id,
        value: {
          ...told.about,
          clockType: told.portSets.length > 1 ? CLOCK_TYPES.BOUNDARY : CLOCK_TYPES.ORDINARY,
          physicalLayerProtocol: 'IEEE 802.3',
          protocolAddress: portAddress(localIp),
        },
      };
    case 'PORT_DATA_SET':
      return {
        id,
        value: {
          ...portDS,
          portState: PORT_STATE_CODE[portDS.portState],
          peerMeanPathDelay: timeInterval(portDS.peerMeanPathDelayNs),
        },
      };
    case 'LOG_ANNOUNCE_INTERVAL':
      return { id, value: portDS.logAnnounceInterval };
    case 'ANNOUNCE_RECEIPT_TIMEOUT':
      return { id, value: portDS.announceReceiptTimeout };
    case 'LOG_SYNC_INTERVAL':
      return { id, value: portDS.logSyncInterval };
    case 'VERSION_NUMBER':
      return { id, value: portDS.versionNumber };
    case 'UNICAST_NEGOTIATION_ENABLE':
      return { id, value: told.about.unicastNegotiation };
    case 'DELAY_MECHANISM':
      return { id, value: portDS.delayMechanism };
    case 'LOG_MIN_PDELAY_REQ_INTERVAL':
      return { id, value: portDS.logMinPdelayReqInterval };
    default:
      return null;
  }
}

const currentData = ({ stepsRemoved, offsetFromMasterNs, meanPathDelayNs }: CurrentDS) => ({
  stepsRemoved,
  offsetFromMaster: timeInterval(offsetFromMasterNs),
  meanPathDelay: timeInterval(meanPathDelayNs),
});

const LARGEST = 2n ** 63n - 1n;

/** ns → 2^-16 ns; what does not fit is the largest that does (§5.3.2). */
const timeInterval = (ns: number): bigint => whole(ns * 65536);

function whole(value: number): bigint {
  if (Number.isNaN(value)) return 0n;
  if (Math.abs(value) >= 2 ** 63) return value > 0 ? LARGEST : -LARGEST;
  return BigInt(Math.round(value));
}
