/**
 * The packet tests of a client, in order. RFC 5905 §8 and fig. 22, §7.4 for kisses; hold and loop
 * tests as chrony does them. Judges only: changes nothing.
 */
import type { Datagram, DropReason } from '../machine.ts';
import type { Association } from './association.ts';
import { type Pairing, pair } from './interleave.ts';
import { type Header, isNoTime, SERVER_MODE, sameTime, timeSpanS } from './packet.ts';
import { kissCode } from './refid.ts';

/** Usable, to be dropped for a reason, or a kiss that must be obeyed. */
export type Verdict = 'valid' | DropReason | 'rate' | 'stop';

/** RFC 5905 MAXDISP: no server further from its source than this tells time. (s) */
const MAX_DISTANCE_S = 16;
/** chrony's MAX_SERVER_INTERVAL: no honest server sits on a request longer. (s) */
const MAX_HOLD_S = 4;
/** Stamps taken in user space on a busy machine. (s) */
const HOLD_SLACK_S = 1e-4;
/** The two clocks may run this differently while one of them is slewed. (s/s) */
const HOLD_SLACK_RATE = 1e-3;
/** Coarsest server clock we excuse. (log2 s) */
const COARSEST_LOG2S = -6;
const FINEST_LOG2S = -30;

/** The version all requests carry. */
export const ASKED_VERSION = 4;

/**
 * Judges one parsed packet that came in on `path` from the configured port.
 * @param arrival local clock at receipt
 * @param ownRefids what servers following this host would show as refid (NTP-C4)
 */
export function judge(
  path: Association,
  header: Header,
  arrival: Pick<Datagram, 'receivedAtNs' | 'stampKind'>,
  ownRefids: readonly number[],
): Verdict {
  if (header.version !== ASKED_VERSION) return 'version';
  if (header.mode !== SERVER_MODE) return 'mode';
  // Requests carry no MAC, so an answer must not either (nor complain about one: crypto-NAK)
  if (header.trailer !== 'none') return 'malformed';
  if (
    path.server !== null &&
    sameTime(header.receive, path.lastReceive) &&
    sameTime(header.transmit, path.lastTransmit)
  ) {
    return 'duplicate';
  }
  const pairing = pair(path.request, header, arrival);
  if (pairing === null) return 'origin';
  // Before the zero test: the stamps of a kiss mean nothing and may be zero
  if (header.stratum === 0) return judgeKiss(header.refid);
  if (isNoTime(header.receive) || isNoTime(header.transmit)) return 'zero-timestamp';
  if (header.leap === 3 || header.stratum > 15) return 'unsynchronized';
  if (header.rootDelayS / 2 + header.rootDispersionS >= MAX_DISTANCE_S) return 'root-distance';
  if (!holdIsPlausible(header, pairing)) return 'hold';
  if (header.stratum >= 2 && ownRefids.includes(header.refid)) return 'loop';
  return 'valid';
}

/** RFC 5905 §7.4. INIT (ntpsec while starting) is no kiss but a plain "not yet synchronized". */
function judgeKiss(refid: number): Verdict {
  const code = kissCode(refid);
  if (code === null || code === 'INIT') return 'unsynchronized';
  if (code === 'RATE') return 'rate';
  return code === 'DENY' || code === 'RSTR' ? 'stop' : 'kiss';
}

/** The remote cannot have held the packet for less than nothing or longer than we waited. */
function holdIsPlausible(header: Header, pairing: Pairing): boolean {
  const exchangeS = (pairing.localReceiveNs - pairing.localSendNs) / 1e9;
  const holdS = timeSpanS(pairing.remoteReceive, header.transmit);
  const precision = Math.min(Math.max(header.precisionLog2S, FINEST_LOG2S), COARSEST_LOG2S);
  const slackS = HOLD_SLACK_S + 2 ** precision + HOLD_SLACK_RATE * Math.abs(exchangeS);
  return holdS >= -slackS && holdS <= exchangeS + slackS && holdS <= MAX_HOLD_S;
}
