/** A host in logical time: sockets in a map, timers in a list, a clock the test moves. */
import type { Address, Datagram } from '../../src/machine.ts';
import type { Handlers, Host, Udp } from '../../src/udp/udp.ts';
import { type Seconds, type Stamp, seconds, stamp, type Tick, tick } from '../../src/units.ts';

export interface SimHost extends Host {
  /** Runs timers up to `toMs` of logical time, in order. */
  runTo(toMs: number): void;
  /** Steps the local clock; the next check tells it. */
  stepClock(byS: number): void;
  /** Sent datagrams so far. */
  readonly sent: { readonly bytes: Uint8Array; readonly from: Address; readonly to: Address }[];
  /** Lets a datagram arrive at a local address. */
  deliver(datagram: Omit<Datagram, 'receivedAtNs'>): void;
  readonly openSockets: number;
  readonly armedTimers: number;
  /** What the next sends answer instead of a stamp. */
  refuse: string | null;
}

export function simHost(epochS = 1_763_600_000): SimHost {
  let nowMs = 0;
  let stepS = 0;
  let told = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const sockets = new Map<string, Handlers>();
  const sent: SimHost['sent'] = [];
  const now = (): Stamp => stamp(Math.round(nowMs * 1e6 + stepS * 1e9));
  const host: SimHost = {
    name: 'sim',
    sent,
    refuse: null,
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
    async openUdp(local, handlers): Promise<Udp> {
      sockets.set(local.ip, handlers);
      const bound = { ip: local.ip, port: local.port === 0 ? 40_000 + sockets.size : local.port };
      return {
        local: bound,
        stampKind: 'user',
        send(bytes, to, seal) {
          if (host.refuse !== null) return host.refuse;
          const at = now();
          seal?.(bytes, at);
          sent.push({ bytes: bytes.slice(), from: bound, to });
          return at;
        },
        async close() {
          sockets.delete(local.ip);
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
    deliver(datagram) {
      sockets.get(datagram.local.ip)?.onDatagram({ ...datagram, receivedAtNs: now() });
    },
  };
  return host;
}
