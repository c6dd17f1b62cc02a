/**
 * What a port in MASTER state sends by itself: Announce, Sync, and the Follow_Up when the Sync has
 * left. IEEE 1588-2008 §9.5.8–§9.5.10, §13.5–§13.7. The schedule is destination.ts'.
 */
import type { Output } from '../machine.ts';
import { pathKey } from '../path.ts';
import { type Stamp, type Tick, tick } from '../units.ts';
import { announceOf } from './dataset.ts';
import { endLegs, intervalNs, type Leg, type Stream } from './destination.ts';
import {
  awaitDeparture,
  isServing,
  type Master,
  type Pending,
  servedTime,
  spokenSets,
} from './master.ts';
import { TIMESTAMP_OFFSET } from './message.ts';
import { headerOf, packet, type Transmit, toldInterval } from './outgoing.ts';
import { removeFirst, sink } from './queue.ts';
import { NO_TIMESTAMP, writeTimestamp } from './timestamp.ts';

/**
 * Everything that is due. A stream sends once however late it is asked: what was missed in a stall
 * is left out, not made up for.
 */
export function sendDue(master: Master, nowNs: Tick): Output[] {
  if (!isServing(master)) return [];
  const { streams } = master;
  const outputs: Output[] = [];
  for (let first = streams.queue[0]; first !== undefined; first = streams.queue[0]) {
    if (first.dueNs > nowNs) break;
    if (!endLegs(streams, first, nowNs)) {
      removeFirst(streams.queue);
      continue;
    }
    for (const leg of first.legs) outputs.push(send(master, first, leg));
    if (first.messageType === 'Announce') streams.announces++;
    else streams.syncs++;
    first.sequenceId = (first.sequenceId + 1) & 0xffff;
    first.dueNs = nextDue(first, nowNs);
    sink(streams.queue, 0);
  }
  return outputs;
}

/**
 * The next point of the stream's grid, so that the rate is exact however late timers fire. After a
 * stall of an interval or more, a point at least half an interval away.
 */
function nextDue({ dueNs, logInterval }: Stream, nowNs: Tick): Tick {
  const span = intervalNs(logInterval);
  const late = (nowNs - dueNs) / span;
  return tick(dueNs + span * (late < 1 ? 1 : Math.ceil(late + 0.5)));
}

function send(master: Master, stream: Stream, leg: Leg): Transmit {
  return stream.messageType === 'Announce'
    ? announce(master, stream, leg)
    : sync(master, stream, leg);
}

function announce(master: Master, stream: Stream, leg: Leg): Transmit {
  master.tally.Announce++;
  const content = announceOf(spokenSets(master), master.portDS.portIdentity);
  const { sequenceId, logInterval: logMessageInterval } = stream;
  return packet(
    master,
    {
      type: 'Announce',
      header: headerOf(master, 'Announce', leg, { sequenceId, logMessageInterval }),
      originTimestamp: NO_TIMESTAMP,
      currentUtcOffset: content.currentUtcOffset,
      grandmasterPriority1: content.grandmasterPriority1,
      grandmasterClockQuality: content.grandmasterClockQuality,
      grandmasterPriority2: content.grandmasterPriority2,
      grandmasterIdentity: content.grandmasterIdentity,
      stepsRemoved: content.stepsRemoved,
      timeSource: content.timeSource,
      tlvs: master.announceTlvs,
    },
    leg,
  );
}

/** Two-step: no time in it. One-step: the host writes the time in as the very last thing. */
function sync(master: Master, stream: Stream, leg: Leg): Transmit {
  master.tally.Sync++;
  const { sequenceId, logInterval } = stream;
  const twoStep = master.sets.defaultDS.twoStepFlag;
  const logMessageInterval = toldInterval(leg, logInterval);
  const saying = { sequenceId, logMessageInterval, twoStep };
  const header = headerOf(master, 'Sync', leg, saying);
  const message = { type: 'Sync', header, originTimestamp: NO_TIMESTAMP, tlvs: [] } as const;
  const context = awaitDeparture(master, { type: 'Sync', leg, ...saying });
  const output = { ...packet(master, message, leg), context };
  if (twoStep) return output;
  const seal = (bytes: Uint8Array, sentAtNs: Stamp) =>
    writeTimestamp(bytes, TIMESTAMP_OFFSET, servedTime(master, sentAtNs));
  return { ...output, seal };
}

/** A message has left: what it owed follows. Nothing if the context is not of this port. */
export function masterSent(master: Master, context: number, sentAtNs: Stamp): Output[] {
  const pending = settle(master, context);
  if (pending === null) return [];
  if (pending.type === 'Pdelay_Resp') return [pdelayRespFollowUp(master, pending, sentAtNs)];
  pending.leg.isFailing = false;
  return pending.twoStep && isServing(master) ? [followUp(master, pending, sentAtNs)] : [];
}

/** A message did not leave: nothing follows. The first failure of a pair is told. */
export function masterUnsent(master: Master, context: number, code: string): Output[] {
  const pending = settle(master, context);
  if (pending === null) return [];
  master.tally.unsent++;
  if (pending.type === 'Pdelay_Resp' || pending.leg.isFailing) return [];
  pending.leg.isFailing = true;
  const path = pathKey(pending.leg.remoteIp, pending.leg.localIp);
  return [{ type: 'path', path, event: 'unsent', reason: `the host said ${code}` }];
}

function settle(master: Master, context: number): Pending | null {
  const pending = master.pending.get(context) ?? null;
  master.pending.delete(context);
  return pending;
}

type Owed<Type extends Pending['type']> = Extract<Pending, { type: Type }>;

/** From the address of its Sync, with its sequenceId (PTP-D14). */
function followUp(master: Master, pending: Owed<'Sync'>, sentAtNs: Stamp): Transmit {
  master.tally.Follow_Up++;
  const { leg, sequenceId, logMessageInterval } = pending;
  const header = headerOf(master, 'Follow_Up', leg, { sequenceId, logMessageInterval });
  const preciseOriginTimestamp = servedTime(master, sentAtNs);
  return packet(master, { type: 'Follow_Up', header, preciseOriginTimestamp, tlvs: [] }, leg);
}

/** The request's correction comes here, not in the Pdelay_Resp (§11.4.3). */
function pdelayRespFollowUp(
  master: Master,
  pending: Owed<'Pdelay_Resp'>,
  sentAtNs: Stamp,
): Transmit {
  master.tally.Pdelay_Resp_Follow_Up++;
  const { requestingPortIdentity, sequenceId, correctionField } = pending;
  return packet(
    master,
    {
      type: 'Pdelay_Resp_Follow_Up',
      header: headerOf(master, 'Pdelay_Resp_Follow_Up', pending, { sequenceId, correctionField }),
      responseOriginTimestamp: servedTime(master, sentAtNs),
      requestingPortIdentity,
      tlvs: [],
    },
    pending,
  );
}
