/**
 * Whole Ethernet frames of one interface (AF_PACKET), with kernel stamps both ways: for relays. It
 * knows nothing of what is in a frame but its VLAN tag. Needs CAP_NET_RAW.
 */
import { HostError } from '../../errors.ts';
import type { FrameHandlers, PacketOptions, PacketSocket } from '../udp.ts';
import type { Batch } from './batch.ts';
import {
  AF_PACKET,
  PACKET_ADD_MEMBERSHIP,
  PACKET_AUXDATA,
  PACKET_IGNORE_OUTGOING,
  SO_RCVBUF,
  SO_RXQ_OVFL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_PACKET,
  SOL_SOCKET,
} from './constants.ts';
import { makeDescriptor } from './descriptor.ts';
import { failure } from './errno.ts';
import { allocate } from './memory.ts';
import { boundName } from './sockaddr.ts';
import type { System } from './system.ts';

const ETH_P_ALL = 3;
/** struct sockaddr_ll without the end of a hardware address that no Ethernet has (bytes). */
const SOCKADDR_LL_BYTES = 20;
const PACKET_KINDS = ['own', 'broadcast', 'multicast', 'other'] as const;
/** struct packet_mreq types. */
const MEMBERSHIPS = { promiscuous: 1, 'all-multicast': 2 } as const;
/** Flags of struct tpacket_auxdata. */
const CHECKSUM_NOT_READY = 1 << 3;
const VLAN_VALID = 1 << 4;
const VLAN_TPID_VALID = 1 << 6;
const VLAN_BYTES = 4;
const ETHER_TYPE_VLAN = 0x8100;
/** Two hardware addresses. */
const MACS_BYTES = 12;
const LEAST_BYTES = 14;

const RECEIVE_BUFFER_BYTES = 4 << 20;
/** Frames wait in a relay: it is looked more often. (ms) */
const EVERY_MS = 1;

/** Opens; see {@link Host.openPacket}. */
export function openPacket(
  system: System,
  name: string,
  handlers: FrameHandlers,
  options: PacketOptions = {},
): PacketSocket {
  const { ffi } = system;
  const batch = system.frames();
  const fd = ffi.libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  try {
    if (fd < 0) throw failure(ffi, 'socket');
    const ifindex = system.addresses.indexOf(name);
    if (ifindex === 0) throw new Error('no such interface');
    const macs = settle(system, fd, ifindex, options);
    return attach(system, batch, { fd, name, ifindex, mac: macs }, handlers);
  } catch (cause) {
    if (fd >= 0) ffi.libc.close(fd);
    const { code, message } = cause as { code?: string; message: string };
    const why = code === 'EPERM' ? 'EPERM, raw sockets need CAP_NET_RAW' : (code ?? message);
    throw new HostError(`cannot open ${name} for frames: ${why}`, { cause });
  }
}

/** Makes the settings and binds. @returns the interface's hardware address */
function settle(system: System, fd: number, ifindex: number, given: PacketOptions): Uint8Array {
  const { ffi, options } = system;
  const { etherType = ETH_P_ALL, membership = 'promiscuous' } = given;
  options.setInt(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
  options.setInt(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  options.setInt(fd, SOL_PACKET, PACKET_AUXDATA, 1);
  options.setInt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  options.setStamping(fd);
  const address = allocate(ffi, SOCKADDR_LL_BYTES);
  address.view.setUint16(0, AF_PACKET, true);
  address.view.setUint16(2, etherType);
  address.view.setInt32(4, ifindex, true);
  if (ffi.libc.bind(fd, address.bytes, SOCKADDR_LL_BYTES) < 0) throw failure(ffi, 'bind');
  if (membership !== null) {
    const request = new Uint8Array(16); // struct packet_mreq
    const view = new DataView(request.buffer);
    view.setInt32(0, ifindex, true);
    view.setUint16(4, MEMBERSHIPS[membership], true);
    options.setBytes(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, request);
  }
  return boundName(ffi, fd).bytes.slice(12, 18);
}

interface Opened {
  readonly fd: number;
  readonly name: string;
  readonly ifindex: number;
  readonly mac: Uint8Array;
}

function attach(
  system: System,
  batch: Batch,
  { fd, name, ifindex, mac }: Opened,
  handlers: FrameHandlers,
): PacketSocket {
  const to = new Uint8Array(SOCKADDR_LL_BYTES);
  const toView = new DataView(to.buffer);
  toView.setUint16(0, AF_PACKET, true);
  toView.setInt32(4, ifindex, true);
  to[11] = 6;

  const descriptor = makeDescriptor(system, fd, {
    batch,
    everyMs: EVERY_MS,
    isHeld: false,
    onMessage(bare, at) {
      handlers.onFrame({
        bytes: withTag(batch, bare),
        etherType: batch.names.view.getUint16(at + 2),
        kind: PACKET_KINDS[batch.names.bytes[at + 10] ?? 3] ?? 'other',
        ...descriptor.stamped(),
        hasChecksum: (statusOf(batch) & CHECKSUM_NOT_READY) === 0,
      });
    },
    onFailure: () => handlers.onError('ENETDOWN'), // the one error a packet socket has
    onIcmp() {},
  });
  return {
    name,
    ifindex,
    mac,
    counts: descriptor.counts,
    send(bytes, seal, departed) {
      if (descriptor.isClosed) return 'EBADF';
      if (bytes.length < LEAST_BYTES) return 'EINVAL';
      to.set(bytes.subarray(0, 6), 12);
      to.set(bytes.subarray(MACS_BYTES, MACS_BYTES + 2), 2); // sll_protocol
      const prepare = () => system.sender.prepareRaw(to, departed !== undefined);
      return descriptor.send({ bytes, prepare, seal, departed });
    },
    close: descriptor.close,
  };
}

const statusOf = ({ said, control }: Batch): number =>
  said.auxAt < 0 ? 0 : control.view.getUint32(said.auxAt, true);

/** The kernel takes a frame's VLAN tag out; here it goes in again, into the slot's headroom. */
function withTag(batch: Batch, bare: Uint8Array): Uint8Array {
  const status = statusOf(batch);
  if ((status & VLAN_VALID) === 0) return bare;
  const { view } = batch.control;
  const { auxAt } = batch.said;
  const tpid =
    (status & VLAN_TPID_VALID) === 0 ? ETHER_TYPE_VLAN : view.getUint16(auxAt + 18, true);
  const tci = view.getUint16(auxAt + 16, true);
  const start = bare.byteOffset - VLAN_BYTES;
  const whole = new Uint8Array(bare.buffer, start, bare.length + VLAN_BYTES);
  whole.copyWithin(0, VLAN_BYTES, VLAN_BYTES + MACS_BYTES);
  const tag = new DataView(whole.buffer, start + MACS_BYTES, VLAN_BYTES);
  tag.setUint16(0, tpid);
  tag.setUint16(2, tci);
  return whole;
}
