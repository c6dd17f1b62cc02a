/**
 * Unicast negotiation as an onlooker sees it: who may send Syncs to whom, and whether Syncs and
 * Delay_Reqs keep to it. IEEE 1588-2008 §16.1; RFC 8039 §5.3.1 (PTP-D06, PTP-D08), PTP-S10.
 */
import type { DelayReq, Signaling, Sync } from '../ptp/message.ts';
import { MESSAGE_TYPES } from '../ptp/types.ts';
import type { Heard, Kept, Tell } from './finding.ts';
import { remember } from './waiting.ts';

interface Grant {
  untilS: number;
  readonly log: number;
}

export interface Grants {
  /** By message type, sender and receiver. */
  readonly grants: Map<string, Grant>;
  /** Addresses that were seen to grant. */
  readonly grantors: Map<string, true>;
  /** Unicast Syncs, by slave address and then master address: when the last one came. */
  readonly syncs: Map<string, Map<string, number>>;
  /** When the first Sync of a pair of addresses came. */
  readonly since: Map<string, number>;
  /** First Delay_Req to an address from which no Sync comes, and how many. */
  readonly astray: Map<string, { readonly sinceS: number; count: number }>;
  /** The clockIdentity an address shows as a slave, and the one before. */
  readonly shown: Map<string, { readonly now: string; readonly before: string; atS: number }>;
}

export const createGrants = (): Grants => ({
  grants: new Map(),
  grantors: new Map(),
  syncs: new Map(),
  since: new Map(),
  astray: new Map(),
  shown: new Map(),
});

/** A grant that began before the capture did shows by Syncs within. (s) */
const START_S = 3;
/** How long after its end a promise may still be kept: ptpd goes on for 10 s. (s) */
const OVERTIME_S = 15;
/** Without a Sync for so long a way is no longer in use. (s) */
const USE_S = 10;
/** A Delay_Req may run ahead of the grant of its Syncs by. (s) */
const AHEAD_S = 5;

const SYNC = MESSAGE_TYPES.Sync.code;
const DELAY_RESP = MESSAGE_TYPES.Delay_Resp.code;

/** log2 s that was granted to this message: of Syncs and Announces, and of answers to Delay_Reqs. */
export function grantedLog({ grants }: Grants, { message, src, dst }: Kept): number | null {
  const { type } = message;
  const grant =
    type === 'Delay_Req'
      ? grants.get(`${DELAY_RESP} ${dst} ${src}`)
      : grants.get(`${MESSAGE_TYPES[type].code} ${src} ${dst}`);
  return grant?.log ?? null;
}

export function checkGrants(state: Grants, heard: Heard, tell: Tell): void {
  const { message, isGroup } = heard;
  if (isGroup) return;
  if (message.type === 'Signaling') takeSignaling(state, { ...heard, message });
  if (message.type === 'Sync') takeSync(state, { ...heard, message }, tell);
  if (message.type === 'Delay_Req') takeRequest(state, { ...heard, message }, tell);
  const { tlvs } = message;
  const asks = tlvs.some(({ type }) => type === 'REQUEST_UNICAST_TRANSMISSION');
  if (message.type === 'Delay_Req' || asks) checkShown(state, heard, tell);
}

function takeSignaling(state: Grants, { message, src, dst, atS }: Heard<Signaling>): void {
  for (const tlv of message.tlvs) {
    if (tlv.type === 'GRANT_UNICAST_TRANSMISSION' && tlv.durationField > 0) {
      remember(state.grantors, src, true);
      remember(state.grants, `${tlv.messageType} ${src} ${dst}`, {
        untilS: atS + tlv.durationField,
        log: tlv.logInterMessagePeriod,
      });
    }
    if (tlv.type !== 'CANCEL_UNICAST_TRANSMISSION') continue;
    state.shown.delete(src); // it may come back as another
    for (const key of [`${tlv.messageType} ${src} ${dst}`, `${tlv.messageType} ${dst} ${src}`]) {
      const grant = state.grants.get(key);
      if (grant !== undefined) grant.untilS = Math.min(grant.untilS, atS);
    }
  }
}

function takeSync(state: Grants, heard: Heard<Sync>, tell: Tell): void {
  const { src, dst, atS } = heard;
  const masters = state.syncs.get(dst) ?? remember(state.syncs, dst, new Map<string, number>());
  remember(masters, src, atS, 256);
  const pair = `${src} ${dst}`;
  const sinceS = state.since.get(pair) ?? remember(state.since, pair, atS);
  if (!state.grantors.has(src)) return;
  const grant = state.grants.get(`${SYNC} ${pair}`);
  if (grant === undefined) {
    if (sinceS > START_S) tell('PTP-D06', heard, `${src} did not grant Syncs to ${dst}`);
  } else if (atS > grant.untilS + OVERTIME_S) {
    const overS = (atS - grant.untilS).toFixed(0);
    tell('PTP-D06', heard, `the grant for ${dst} ended ${overS} s before`);
  }
}

function takeRequest(state: Grants, heard: Heard<DelayReq>, tell: Tell): void {
  const { src, dst, atS } = heard;
  const masters = [...(state.syncs.get(src) ?? [])].filter(([, lastS]) => atS - lastS < USE_S);
  const pair = `${src} ${dst}`;
  if (masters.length === 0 || masters.some(([ip]) => ip === dst)) {
    state.astray.delete(pair);
    return;
  }
  const astray = state.astray.get(pair) ?? remember(state.astray, pair, { sinceS: atS, count: 0 });
  astray.count++;
  if (astray.count < 3 || atS - astray.sinceS < AHEAD_S) return;
  tell('PTP-D08', heard, `the Syncs to ${src} come from ${masters.map(([ip]) => ip).join(', ')}`);
}

/** A slave that falls back from one identity to many changes once; to and fro is a mistake. */
function checkShown({ shown }: Grants, heard: Heard, tell: Tell): void {
  const { src, atS, message } = heard;
  const { clockIdentity } = message.header.sourcePortIdentity;
  const known = shown.get(src);
  if (known === undefined) {
    remember(shown, src, { now: clockIdentity, before: '', atS });
    return;
  }
  if (known.now === clockIdentity) return;
  if (known.before === clockIdentity && atS - known.atS < USE_S) {
    tell('PTP-S10', heard, `${src} shows ${clockIdentity} and ${known.now} by turns`);
  }
  shown.set(src, { now: clockIdentity, before: known.now, atS });
}
