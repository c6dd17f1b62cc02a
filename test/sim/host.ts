/** A host in logical time: sockets in a map, timers in a list, a clock the test moves. */
import { HostError } from '../../src/errors.ts';
import type { Address, Datagram } from '../../src/machine.ts';
import type { Handlers, Host, Icmp, MulticastOptions, Udp } from '../../src/udp/udp.ts';
import { type Seconds, type Stamp, seconds, stamp, type Tick, tick } from '../../src/units.ts';

export interface SimHost extends Host {
  /** Runs timers up to `toMs` of logical time, in order. */
  runTo(toMs: number): void;
  /** Steps the local clock; the next check tells it. */
  stepClock(byS: number): void;
  /** Sent datagrams so far. */
  readonly sent: {
    readonly bytes: Uint8Array;
    readonly from: Address;
    readonly to: Address;
    readonly hops?: number | undefined;
  }[];
  /** Lets an ICMP error arrive at a local address. */
  bounce(local: Address, icmp: Icmp): void;
  /** Lets a datagram arrive at a local address, or with `group` at a group joined from there. */
  deliver(datagram: Omit<Datagram, 'receivedAtNs'>): void;
  readonly openSockets: number;
  /** How opened sockets were told to send to groups, if they were. */
  readonly multicast: MulticastOptions[];
  readonly armedTimers: number;
  /** What the next sends answer instead of a stamp. */
  refuse: string | null;
  /** Sockets opened from now on have kernel stamps: 1 us after the user's, told so much later. */
  departAfterMs: number | null;
  /** No group can be joined from this address. */
  deafIp: string | null;
}

export function simHost(epochS = 1_763_600_000): SimHost {
  let nowMs = 0;
  let stepS = 0;
  let told = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const sockets = new Map<string, Handlers>();
  const keyOf = ({ ip, port }: Address, group = '') => `${group} ${ip} ${port}`;
  const sent: SimHost['sent'] = [];
  const multicast: MulticastOptions[] = [];
  const now = (): Stamp => stamp(Math.round(nowMs * 1e6 + stepS * 1e9));
  const host: SimHost = {
    name: 'sim',
    sent,
    multicast,
    refuse: null,
    departAfterMs: null,
    deafIp: null,
    get openSockets() {
      return sockets.size;
    },
    get armedTimers() {
      return timers.length;
    },
    clock: {
      epochS,
      now,
      tick: (): Tick => tick(Math.round(nowMs * 1e6)),
      check(): Seconds {
        const by = stepS - told;
        told = stepS;
        return seconds(by);
      },
    },
    async openUdp(local, handlers, options): Promise<Udp> {
      if (options?.multicast) multicast.push(options.multicast);
      const port = local.port === 0 ? 40_001 + sockets.size : local.port;
      const bound = { ip: local.ip, port };
      if (sockets.has(keyOf(bound))) throw new HostError(`cannot bind ${keyOf(bound)}: EADDRINUSE`);
      sockets.set(keyOf(bound), handlers);
      const afterMs = host.departAfterMs;
      return {
        local: bound,
        stampKind: afterMs === null ? 'user' : 'kernel',
        send(bytes, to, seal, { departed, hops } = {}) {
          if (host.refuse !== null) return host.refuse;
          const at = now();
          seal?.(bytes, at);
          sent.push({ bytes: bytes.slice(), from: bound, to, ...(hops !== undefined && { hops }) });
          if (afterMs !== null && departed !== undefined) {
            host.setTimer(() => departed(stamp(at + 1000), 'kernel'), afterMs);
          }
          return at;
        },
        async close() {
          sockets.delete(keyOf(bound));
        },
      };
    },
    async openMulticast(group, local, handlers) {
      if (local.ip === host.deafIp) throw new HostError(`cannot join ${group}: EADDRNOTAVAIL`);
      sockets.set(keyOf(local, group), handlers);
      return {
        group,
        local,
        stampKind: 'user',
        async close() {
          sockets.delete(keyOf(local, group));
        },
      };
    },
    setTimer(callback, delayMs) {
      const timer = { atMs: nowMs + delayMs, run: callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    randomBytes: (length) =>
      Uint8Array.from({ length }, (_, index) => (index * 37 + sent.length * 11 + 1) & 255),
    resolve: async (name) => [name],
    localAddresses: () => [],
    runTo(toMs) {
      for (;;) {
        const next = [...timers].sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined || next.atMs > toMs) break;
        timers = timers.filter((other) => other !== next);
        nowMs = Math.max(nowMs, next.atMs);
        next.run();
      }
      nowMs = toMs;
    },
    stepClock(byS) {
      stepS += byS;
    },
    bounce: (local, icmp) => sockets.get(keyOf(local))?.onIcmp?.(icmp),
    deliver(datagram) {
      const { local, group } = datagram;
      sockets.get(keyOf(local, group))?.onDatagram({ ...datagram, receivedAtNs: now() });
    },
  };
  return host;
}
