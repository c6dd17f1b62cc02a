/**
 * The Linux host: our own sockets through FFI, with the kernel's stamps of receipt and departure.
 * The same code in Node, Deno and Bun; a delayed event loop costs it no accuracy.
 */
import { isIpv6 } from '../../path.ts';
import { isDeno } from '../codes.ts';
import { makeHost, type Open, type Sending } from '../common.ts';
import type { Join } from '../multicast.ts';
import type { Host, PumpMode } from '../udp.ts';
import { bunFfi } from './bunffi.ts';
import {
  IP_ADD_MEMBERSHIP,
  IP_MULTICAST_ALL,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IPV6_ADD_MEMBERSHIP,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP,
  SOL_IP,
  SOL_IPV6,
} from './constants.ts';
import { denoFfi } from './denoffi.ts';
import { koffiFfi } from './koffi.ts';
import type { Ffi } from './libc.ts';
import { allocate } from './memory.ts';
import { openPacket } from './packet.ts';
import { probe } from './probe.ts';
import { openSocket } from './socket.ts';
import { makeSystem, type System } from './system.ts';

/** Machines whose numbers and structures constants.ts has. */
const MACHINES = ['x64', 'arm64'];

/**
 * The host if this system can: FFI, and a packet over loopback that comes with both stamps.
 * @param wished a runtime that has no other thread for it takes the timer, and the host says why
 * @returns else why not, one sentence
 */
export function linuxHost(wished: PumpMode = 'timer'): Host | string {
  const found = findFfi();
  if (typeof found === 'string') return found;
  const pump = found.later === null ? 'timer' : wished;
  const system = makeSystem(found, pump);
  const name = `Linux (${found.name}${pump === 'async' ? ', async' : ''})`;
  return {
    ...makeHost(name, openWith(system), joinWith(system), system.clock),
    pump,
    ...(pump !== wished && {
      whyTimer: `no async pump: ${found.name} cannot wait in another thread, the timer is used`,
    }),
    openPacket: (link, handlers, options) =>
      held(system, () => openPacket(system, link, handlers, options)),
  };
}

/** The C library of a system that stamps, or why there is none. */
export function findFfi(): Ffi | string {
  const because = (why: string) => `no kernel timestamps: ${why}`;
  const ffi = loadFfi();
  if (typeof ffi === 'string') return because(ffi);
  const result = probe(ffi);
  if (typeof result === 'string') return because(result);
  ffi.libc.close(result);
  return ffi;
}

/** The C library, or why it cannot be had, as the rest of a sentence on what is to be had of it. */
export function loadFfi(): Ffi | string {
  const { platform, arch } = runtime();
  if (platform !== 'linux') return `this is ${platform}, they need Linux`;
  if (!MACHINES.includes(arch)) return `not known on ${arch}`;
  try {
    return isDeno() ? denoFfi() : 'Bun' in globalThis ? bunFfi() : koffiFfi();
  } catch (error) {
    return whyNoFfi(error);
  }
}

function runtime(): { readonly platform: string; readonly arch: string } {
  const { process = null } = globalThis as { process?: { platform: string; arch: string } | null };
  return process ?? { platform: 'of an unknown kind', arch: '' };
}

function whyNoFfi(error: unknown): string {
  const { code, message = 'unknown' } = (error ?? {}) as { code?: unknown; message?: string };
  if (code === 'MODULE_NOT_FOUND') return 'the optional package koffi is not installed';
  return message.split('\n')[0] ?? message;
}

/** With the kernel stamping before the socket is there. */
function held<Opened>(system: System, open: () => Opened): Opened {
  system.hold();
  try {
    return open();
  } catch (error) {
    system.release();
    throw error;
  }
}

const openWith =
  (system: System): Open =>
  async (asked, handlers, _clock, sending) =>
    held(system, () =>
      openSocket(system, asked, handlers, {
        settings: (fd) => {
          if (sending !== null) setSending(system, fd, asked.ip, sending);
        },
      }),
    );

function setSending(
  system: System,
  fd: number,
  ip: string,
  { hops, loopback, zone }: Sending,
): void {
  const { options, addresses } = system;
  const ifindex = zone === null ? 0 : addresses.indexOf(zone);
  if (isIpv6(ip)) {
    options.setInt(fd, SOL_IPV6, IPV6_MULTICAST_IF, ifindex);
    options.setInt(fd, SOL_IPV6, IPV6_MULTICAST_HOPS, hops);
    options.setInt(fd, SOL_IPV6, IPV6_MULTICAST_LOOP, loopback ? 1 : 0);
    return;
  }
  const request = membership(system, '0.0.0.0', ip, ifindex);
  options.setBytes(fd, SOL_IP, IP_MULTICAST_IF, request);
  options.setInt(fd, SOL_IP, IP_MULTICAST_TTL, hops);
  options.setInt(fd, SOL_IP, IP_MULTICAST_LOOP, loopback ? 1 : 0);
}

/** struct ip_mreqn: the group, our address, the interface (0: the one that has the address). */
function membership(
  { ffi, addresses }: System,
  group: string,
  localIp: string,
  ifindex: number,
): Uint8Array {
  const scratch = allocate(ffi, 64);
  addresses.write(scratch, 16, { ip: group, port: 0 });
  scratch.bytes.copyWithin(0, 20, 24);
  addresses.write(scratch, 16, { ip: localIp, port: 0 });
  scratch.bytes.copyWithin(4, 20, 24);
  scratch.view.setInt32(8, ifindex, true);
  return scratch.bytes.subarray(0, 12);
}

const joinWith =
  (system: System): Join =>
  async ({ group, local, zone, bindIp }, handlers) => {
    const { options, addresses, ffi } = system;
    const ifindex = zone === null ? 0 : addresses.indexOf(zone);
    const settings = (fd: number) => {
      if (isIpv6(group)) {
        const request = allocate(ffi, 64);
        addresses.write(request, 0, { ip: group, port: 0 });
        request.bytes.copyWithin(0, 8, 24); // struct ipv6_mreq
        request.view.setInt32(16, ifindex, true);
        options.setBytes(fd, SOL_IPV6, IPV6_ADD_MEMBERSHIP, request.bytes.subarray(0, 20));
        return;
      }
      // Else it would get the group's datagrams of interfaces that others have joined
      options.setInt(fd, SOL_IP, IP_MULTICAST_ALL, 0);
      const request = membership(system, group, local.ip, ifindex);
      options.setBytes(fd, SOL_IP, IP_ADD_MEMBERSHIP, request);
    };
    const udp = held(system, () =>
      openSocket(system, { ip: bindIp, port: local.port }, handlers, {
        isShared: true,
        settings,
        onlyIfindex: ifindex,
        localIp: local.ip,
      }),
    );
    return { ...udp, isExact: true };
  };
