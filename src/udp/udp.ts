/**
 * What a host gives: a clock, a timer and UDP sockets bound to one local address each. Three plain
 * adapters (node.ts, deno.ts, bun.ts) implement it, and linux/ with kernel timestamps (other
 * `stampKind`). No protocol word belongs in this folder.
 */
import type { Address, Datagram, Returned, StampKind } from '../machine.ts';
import type { Seconds, Stamp, Tick } from '../units.ts';

export interface Clock {
  /** Unix second that stamps count from; integer, fixed for the life of the host. */
  readonly epochS: number;
  /** Reads the local clock. */
  now(): Stamp;
  /** Reads monotonic time. */
  tick(): Tick;
  /**
   * Compares the clock with the system's and re-anchors if it was stepped (> 1.5 ms apart; 20 us
   * with kernel stamps).
   * Call it about once a second. Returns the step (new − old), 0 if none.
   */
  check(): Seconds;
}

/**
 * How the host with kernel stamps learns of what has arrived. `timer`: it looks every few ms;
 * `async`: another thread waits, and datagrams are handed out at once.
 */
export type PumpMode = 'timer' | 'async';

export type { StampKind } from '../machine.ts';

export interface Handlers {
  /** The datagram's bytes are only valid during the call. */
  onDatagram(datagram: Datagram): void;
  /** Asynchronous socket trouble (ICMP errors, send failures): never fatal. */
  onError(code: string): void;
  /** All ICMP errors go here instead, where the host has them whole (stampKind `kernel`). */
  onIcmp?(icmp: Icmp): void;
  /**
   * ICMP said that nobody takes datagrams at this address. Only from adapters that are told whom an
   * error is about; they do not call onError for it.
   */
  onUnreachable?(remoteIp: string, code: string): void;
}

/** A datagram of ours came back. */
export interface Icmp extends Returned {
  /** POSIX name of what the kernel makes of it, e.g. EHOSTUNREACH. */
  readonly errorCode: string;
  /** Local clock when the error came, null if the kernel did not stamp it. */
  readonly receivedAtNs: Stamp | null;
}

/** What one datagram needs beside its bytes. */
export interface SendOptions {
  /**
   * Called once when it is known when the datagram left, during send() or some ms later: with the
   * kernel's stamp where there is one (`kernel`), else with the one that send() returns. Not called
   * if send() returns a code, or after close(). Hosts with stampKind `user` never call it.
   */
  readonly departed?: ((sentAtNs: Stamp, kind: StampKind) => void) | undefined;
  /** Hop limit (TTL) of this datagram alone. (1–255) stampKind `kernel` only, else ENOTSUP. */
  readonly hops?: number | undefined;
  /** DSCP of this datagram. (0–63) stampKind `kernel` only, else ENOTSUP. */
  readonly dscp?: number | undefined;
}

/** What a socket with kernel stamps has counted so far. */
export interface UdpCounts {
  /** Received, by who stamped them. */
  readonly received: Readonly<Record<StampKind, number>>;
  /** Sent with `departed`, by whose stamp it got. */
  readonly departed: Readonly<Record<StampKind, number>>;
  /** Lost by the system because the receive buffer was full; known with the next one received. */
  readonly lost: number;
  /** Longer than any datagram we know of, and not handed out. */
  readonly tooLong: number;
  /** Size of the receive buffer as the system counts it (bytes). */
  readonly receiveBufferBytes: number;
}

export interface Udp {
  /** The bound address, with the real port. */
  readonly local: Address;
  /** Whoever wraps a socket and hands this on hands on the options of send(), too. */
  readonly stampKind: StampKind;
  /**
   * Sends one datagram. `seal`, if given, may write the stamp into the bytes; the stamp is read
   * right before the system call. The bytes must not be touched by the caller afterwards.
   * @returns the stamp, or the error code as text if the datagram was refused at once
   */
  send(
    bytes: Uint8Array,
    to: Address,
    seal?: (bytes: Uint8Array, at: Stamp) => void,
    options?: SendOptions,
  ): Stamp | string;
  /** Only with stampKind `kernel`. */
  counts?(): UdpCounts;
  /** Closes the socket; resolved when the port is free again. */
  close(): Promise<void>;
}

/** How a socket sends to groups: out of the interface that has its address. */
export interface MulticastOptions {
  /**
   * Hop limit (TTL) of what is sent to groups. (1–255, default 1: neighbours only)
   * Deno cannot set another than 1 with IPv6, and refuses.
   */
  readonly hops?: number;
  /** Members on this machine hear it, too; on the loopback interface they always do. (default false) */
  readonly loopback?: boolean;
}

export interface UdpOptions {
  /** Without it do not send to groups: interface, hop limit and loopback are anybody's guess. */
  readonly multicast?: MulticastOptions;
}

/** A group joined on one interface; it only listens. */
export interface MulticastUdp {
  /** Canonical, without zone. */
  readonly group: string;
  /** Our address on the interface, as asked for, and the bound port. */
  readonly local: Address;
  readonly stampKind: StampKind;
  /** Leaves the group; resolved when the port is free again. */
  close(): Promise<void>;
}

/** A whole Ethernet frame as it came in. */
export interface Frame {
  /** From the destination's hardware address on, VLAN tag in place. Only valid during the call. */
  readonly bytes: Uint8Array;
  /** What is behind the addresses and the outermost VLAN tag. */
  readonly etherType: number;
  /** Sent to this interface, to all, to a group, or to another machine. */
  readonly kind: 'own' | 'broadcast' | 'multicast' | 'other';
  readonly receivedAtNs: Stamp;
  readonly stampKind: StampKind;
  /**
   * False: the checksum of the transport layer was left to the sender's network card (veth), and
   * stands in the frame unfinished. Whoever sends the frame on must make it.
   */
  readonly hasChecksum: boolean;
}

export interface FrameHandlers {
  onFrame(frame: Frame): void;
  onError(code: string): void;
}

export interface PacketOptions {
  /** Only frames of this EtherType. (default: all) */
  readonly etherType?: number;
  /** What the network card lets in beside our own and joined groups. (default `promiscuous`) */
  readonly membership?: 'promiscuous' | 'all-multicast' | null;
}

/** An interface, frame by frame. It does not see what this machine itself sends. */
export interface PacketSocket {
  readonly name: string;
  readonly ifindex: number;
  /** The interface's hardware address (6 bytes). */
  readonly mac: Uint8Array;
  /**
   * Sends a whole frame out of the interface: see {@link Udp.send} for `seal` and the result,
   * {@link SendOptions.departed} for `departed`. Frames longer than the MTU are refused (EMSGSIZE).
   */
  send(
    frame: Uint8Array,
    seal?: (bytes: Uint8Array, at: Stamp) => void,
    departed?: (sentAtNs: Stamp, kind: StampKind) => void,
  ): Stamp | string;
  counts(): UdpCounts;
  close(): Promise<void>;
}

/**
 * Whose stamps a path gets: `kernel` if the socket has them and most departures had theirs, too.
 */
export function stampsOf({ stampKind, counts }: Udp): StampKind {
  const departed = counts?.().departed;
  return departed !== undefined && departed.user > departed.kernel ? 'user' : stampKind;
}

export interface Host {
  /** Shown to people: `node:dgram`, `Deno.listenDatagram`, `Bun.udpSocket`, `Linux (koffi)`. */
  readonly name: string;
  /** Why it has no kernel stamps though they were wished for: one sentence. */
  readonly whyPlain?: string;
  /** With kernel stamps; plain hosts have what the runtime has. */
  readonly pump?: PumpMode;
  /** Why the pump is not `async` though that was wished for: one sentence. */
  readonly whyTimer?: string;
  readonly clock: Clock;
  /**
   * Binds one local address (port 0: any free port). Reads the clock first thing on receipt.
   * Rejects with HostError: address, port and the system's reason in one sentence.
   */
  openUdp(local: Address, handlers: Handlers, options?: UdpOptions): Promise<Udp>;
  /**
   * Joins a group (IPv4, or IPv6 without zone) on the interface that has the address `local.ip`
   * and listens on `local.port`, beside sockets of openUdp on the same port. Datagrams carry
   * `group`, and as `local` the address given here: two addresses of one interface get a copy
   * each. A sender that could have come by several joined interfaces is not handed out but
   * reported as EINTERFACE; multicast.ts says when that can happen.
   * Rejects with HostError.
   */
  openMulticast(group: string, local: Address, handlers: Handlers): Promise<MulticastUdp>;
  /**
   * Opens an interface for whole frames. Only hosts with kernel stamps can; throws HostError if
   * the interface is not there or this process may not (CAP_NET_RAW).
   */
  openPacket?(name: string, handlers: FrameHandlers, options?: PacketOptions): PacketSocket;
  /** Calls back once after `delayMs` (>= 0); returns what cancels it. Keeps the process alive. */
  setTimer(callback: () => void, delayMs: number): () => void;
  /** Fills a new array with `length` cryptographically random bytes. */
  randomBytes(length: number): Uint8Array;
  /** Addresses of a name, canonical, in the resolver's order; an IP literal resolves to itself. */
  resolve(name: string): Promise<string[]>;
  /** All addresses of this machine's interfaces, canonical (for the loop test). */
  localAddresses(): string[];
}

/** No kernel stamps, hence none of what comes with them: hop limits, whole ICMP errors, frames. */
export const isPlain = ({ openPacket }: Host): boolean => openPacket === undefined;
