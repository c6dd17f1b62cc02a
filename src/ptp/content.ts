/** What the clock rules look at in an Announce as it came from the wire. */
import { type AnnounceContent, copyTime } from './dataset.ts';
import type { Announce } from './message.ts';

/** The content of a read Announce; nothing in it refers to the datagram's bytes. */
export function contentOfAnnounce(message: Announce): AnnounceContent {
  const { header, currentUtcOffset, timeSource } = message;
  const enterprise = message.tlvs.find((tlv) => tlv.type === 'ENTERPRISE');
  const path = message.tlvs.find((tlv) => tlv.type === 'PATH_TRACE');
  return {
    ...copyTime({ ...header.flags, currentUtcOffset, timeSource }),
    sourcePortIdentity: header.sourcePortIdentity,
    alternateMasterFlag: header.flags.alternateMaster,
    grandmasterPriority1: message.grandmasterPriority1,
    grandmasterClockQuality: message.grandmasterClockQuality,
    grandmasterPriority2: message.grandmasterPriority2,
    grandmasterIdentity: message.grandmasterIdentity,
    stepsRemoved: message.stepsRemoved,
    ...(enterprise?.type === 'ENTERPRISE' && { enterprise }),
    ...(path?.type === 'PATH_TRACE' && { pathTrace: path.pathSequence }),
  };
}
