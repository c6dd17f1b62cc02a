/**
 * Weather for real packets: wraps a host so that each datagram it sends is held back, lost or
 * altered by a law of its path before it goes out of the real socket. Stamps are read when the
 * program sends, so whatever the law adds is network delay to both ends, and the kernel's stamps of
 * departure, which come after it, are not asked for.
 */
import { setImmediate } from 'node:timers';
import type { Address } from '../machine.ts';
import type { Handlers, Host } from '../udp/udp.ts';
import type { Stamp } from '../units.ts';

/** What happens to one datagram: held this long, lost, or changed in place. */
export interface Fate {
  /** Extra one-way delay, ms; Infinity: lost. */
  readonly delayMs: number;
  /** Changes the bytes on the way, as an attacker would. */
  readonly alter?: (bytes: Uint8Array) => void;
}

export type FateOf = (from: Address, to: Address) => Fate;

/** The host with weather on everything it sends. */
export function impairedHost(host: Host, fateOf: FateOf): Host {
  return {
    ...host,
    async openUdp(local, handlers, options) {
      const udp = await host.openUdp(local, handlers, options);
      const holds = createHolds(host);
      return {
        ...udp,
        local: udp.local,
        stampKind: 'user',
        send(bytes, to, seal) {
          const sentAtNs = host.clock.now();
          seal?.(bytes, sentAtNs);
          const fate = fateOf(udp.local, to);
          if (!Number.isFinite(fate.delayMs)) return sentAtNs;
          fate.alter?.(bytes);
          holds.add(fate.delayMs, () => {
            const sent = udp.send(bytes, to);
            if (typeof sent === 'string') handlers.onError(sent);
          });
          return sentAtNs;
        },
        close() {
          holds.clear();
          return udp.close();
        },
      };
    },
  };
}

interface Holds {
  add(delayMs: number, release: () => void): void;
  clear(): void;
}

/** Timers count in whole ms; the last stretch of a hold is spent looking at the clock. */
const SPIN_MS = 1.5;

/** Datagrams on hold, each released within microseconds of its time. */
function createHolds(host: Host): Holds {
  let waiting: { readonly dueNs: number; readonly release: () => void }[] = [];
  let spinning = false;
  const timers = new Set<() => void>();

  function spin(): void {
    const now = host.clock.tick();
    const due = waiting.filter(({ dueNs }) => dueNs <= now);
    if (due.length > 0) {
      waiting = waiting.filter(({ dueNs }) => dueNs > now);
      for (const { release } of due.sort((a, b) => a.dueNs - b.dueNs)) release();
    }
    spinning = waiting.some(({ dueNs }) => dueNs - now < 2 * SPIN_MS * 1e6);
    if (spinning) setImmediate(spin);
  }

  return {
    add(delayMs, release) {
      waiting.push({ dueNs: host.clock.tick() + delayMs * 1e6, release });
      const cancel = host.setTimer(
        () => {
          timers.delete(cancel);
          if (!spinning) spin();
        },
        Math.max(0, delayMs - SPIN_MS),
      );
      timers.add(cancel);
    },
    clear() {
      waiting = [];
      for (const cancel of timers) cancel();
    },
  };
}

/**
 * The host with another clock: `show` maps what the real clock shows to what this host believes.
 * The demo's server lives on such a clock, so that the true offset is known and not zero.
 */
export function shiftedHost(host: Host, show: (real: Stamp) => Stamp): Host {
  const shifted = (handlers: Handlers): Handlers => ({
    ...handlers,
    onDatagram: (datagram) =>
      handlers.onDatagram({ ...datagram, receivedAtNs: show(datagram.receivedAtNs) }),
  });
  return {
    ...host,
    clock: {
      epochS: host.clock.epochS,
      now: () => show(host.clock.now()),
      tick: () => host.clock.tick(),
      check: () => host.clock.check(),
    },
    openMulticast: (group, local, handlers) => host.openMulticast(group, local, shifted(handlers)),
    async openUdp(local, handlers, options) {
      const udp = await host.openUdp(local, shifted(handlers), options);
      return {
        ...udp,
        local: udp.local,
        stampKind: udp.stampKind,
        send(bytes, to, seal, options) {
          const departed = options?.departed;
          const sent = udp.send(
            bytes,
            to,
            seal && ((sealed: Uint8Array, real: Stamp) => seal(sealed, show(real))),
            departed
              ? { ...options, departed: (real, kind) => departed(show(real), kind) }
              : options,
          );
          return typeof sent === 'string' ? sent : show(sent);
        },
        close: () => udp.close(),
      };
    },
  };
}
