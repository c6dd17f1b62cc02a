/** What all sockets of one Linux host share: memory for messages, the clock, the pump. */
import type { PumpMode } from '../udp.ts';
import { type Batch, makeBatch } from './batch.ts';
import { type KernelClock, makeKernelClock } from './clock.ts';
import type { Ffi } from './libc.ts';
import { makeOptions, type Options } from './options.ts';
import { probe } from './probe.ts';
import { makePump, type Pump } from './pump.ts';
import { makeSender, type Sender } from './sender.ts';
import { type Addresses, makeAddresses } from './sockaddr.ts';

export interface System {
  readonly ffi: Ffi;
  readonly clock: KernelClock;
  readonly addresses: Addresses;
  readonly options: Options;
  readonly sender: Sender;
  readonly batch: Batch;
  /** For error queues. */
  readonly errors: Batch;
  /** For whole frames; made when first asked for. */
  frames(): Batch;
  readonly pump: Pump;
  /** Before a socket is opened: makes sure that the kernel stamps from its first datagram on. */
  hold(): void;
  /** After a socket was closed, or was not opened after all. */
  release(): void;
}

const DATAGRAMS = 32;
/** Longer than any datagram of an Ethernet. */
const DATAGRAM_BYTES = 2048;
const ERRORS = 16;
const QUOTED_BYTES = 1500;
const FRAMES = 32;
/** Jumbo frames, too; not what a segmenting network card makes of a stream. */
const FRAME_BYTES = 9216;
/** For a VLAN tag. */
const FRAME_HEADROOM = 8;

export function makeSystem(ffi: Ffi, pump: PumpMode): System {
  const clock = makeKernelClock(ffi);
  const addresses = makeAddresses(ffi);
  const options = makeOptions(ffi);
  let frames: Batch | null = null;
  let users = 0;
  let keeper = -1;
  return {
    ffi,
    clock,
    addresses,
    options,
    sender: makeSender(ffi, addresses),
    batch: makeBatch(ffi, DATAGRAMS, DATAGRAM_BYTES),
    errors: makeBatch(ffi, ERRORS, QUOTED_BYTES),
    frames() {
      frames ??= makeBatch(ffi, FRAMES, FRAME_BYTES, FRAME_HEADROOM);
      return frames;
    },
    pump: makePump(ffi, () => clock.look(), pump),
    // The kernel begins to stamp a moment after the first socket asks for it, and stops with the
    // last: one socket is kept, that has seen stamps.
    hold() {
      if (users++ > 0) return;
      const result = probe(ffi);
      if (typeof result === 'number') keeper = result;
    },
    release() {
      if (--users > 0 || keeper < 0) return;
      ffi.libc.close(keeper);
      keeper = -1;
    },
  };
}
