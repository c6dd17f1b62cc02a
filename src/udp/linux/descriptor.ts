/**
 * What sockets for datagrams and for frames are alike in: what has arrived is handed out batch by
 * batch, what was sent gets its stamp, everything is counted, and close() ends it.
 */
import type { Stamp } from '../../units.ts';
import type { Icmp, StampKind, UdpCounts } from '../udp.ts';
import type { Batch } from './batch.ts';
import { SO_ERROR, SO_RCVBUF, SOL_SOCKET } from './constants.ts';
import type { Departed } from './departures.ts';
import { makeOutlet } from './outlet.ts';
import { HELD, MANY, type Pumped } from './pump.ts';
import type { System } from './system.ts';

/** What is different. */
export interface Owner {
  /** Where messages are received. */
  readonly batch: Batch;
  /** See {@link Pumped}. */
  readonly everyMs?: number;
  /** Messages wait for the stamps of departures before them, see outlet.ts. */
  readonly isHeld: boolean;
  /**
   * The message that is open in the batch; it takes its stamp with {@link Descriptor.stamped}.
   * @param nameAt where the sender's address stands in the batch's names
   */
  onMessage(bytes: Uint8Array, nameAt: number): void;
  /** The socket had an error that is not one of ICMP: of an earlier message, or of the interface. */
  onFailure(): void;
  onIcmp(icmp: Icmp): void;
}

/** One send. */
export interface Sent {
  readonly bytes: Uint8Array;
  /** Prepares the sender; again, if it is sent again. */
  prepare(): void;
  readonly seal?: ((bytes: Uint8Array, at: Stamp) => void) | undefined;
  /** Asks for the stamp of the departure. */
  readonly departed?: Departed | undefined;
}

export interface Descriptor {
  readonly isClosed: boolean;
  /** Counts the message that is open as received, and tells when. */
  stamped(): { readonly receivedAtNs: Stamp; readonly stampKind: StampKind };
  counts(): UdpCounts;
  /** @returns the stamp, or the code if it was refused */
  send(sent: Sent): Stamp | string;
  close(): Promise<void>;
}

/** Takes over a socket that is bound; it holds one of the system's users. */
export function makeDescriptor(system: System, fd: number, owner: Owner): Descriptor {
  const { ffi, clock, pump } = system;
  const { batch } = owner;
  const { said } = batch;
  const received: Record<StampKind, number> = { kernel: 0, user: 0 };
  const receiveBufferBytes = system.options.getInt(fd, SOL_SOCKET, SO_RCVBUF);
  let isClosed = false;
  let lost = 0;
  let tooLong = 0;

  const outlet = makeOutlet(system, fd, {
    isClosed: () => isClosed,
    onIcmp: (icmp) => owner.onIcmp(icmp),
  });

  function takeMessages(): number {
    let taken = 0;
    while (taken < MANY) {
      let count = batch.receive(fd, 0);
      if (count < 0) {
        owner.onFailure();
        count = batch.receive(fd, 0);
      }
      for (let n = 0; n < count; n++) {
        const bytes = batch.open(n);
        if (said.lost >= 0) lost = said.lost;
        if (bytes === null) tooLong++;
        else owner.onMessage(bytes, batch.nameAt(n));
        if (isClosed) return 0;
      }
      taken += Math.max(count, 0);
      if (count < batch.size) break;
    }
    return taken;
  }

  const member: Pumped = {
    fd,
    ...(owner.everyMs !== undefined && { everyMs: owner.everyMs }),
    get isClosed() {
      return isClosed;
    },
    takeErrors() {
      // An error that stands in no queue is told until it is asked for
      if (outlet.takeErrors() || isClosed) return;
      if (system.options.getInt(fd, SOL_SOCKET, SO_ERROR) !== 0) owner.onFailure();
    },
    settle: outlet.settle,
    takeDatagrams: (nowMs) => (owner.isHeld && outlet.isHolding(nowMs) ? HELD : takeMessages()),
  };
  pump.add(member);

  return {
    get isClosed() {
      return isClosed;
    },
    stamped() {
      const stampKind: StampKind = said.stampS === 0 ? 'user' : 'kernel';
      received[stampKind]++;
      const receivedAtNs =
        stampKind === 'user' ? clock.now() : clock.stampOf(said.stampS, said.stampNs);
      return { receivedAtNs, stampKind };
    },
    counts: () => ({
      received: { ...received },
      departed: { ...outlet.counts },
      lost,
      tooLong,
      receiveBufferBytes,
    }),
    send({ bytes, prepare, seal, departed }) {
      prepare();
      const sentAtNs = clock.now();
      seal?.(bytes, sentAtNs);
      const refused = outlet.send(bytes, departed !== undefined, prepare);
      if (refused !== null) return refused;
      if (departed !== undefined) outlet.expect(sentAtNs, departed);
      pump.expect(departed !== undefined);
      return sentAtNs;
    },
    close() {
      if (!isClosed) {
        isClosed = true;
        pump.remove(member);
        ffi.libc.close(fd);
        system.release();
      }
      return Promise.resolve();
    },
  };
}
