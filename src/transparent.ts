/**
 * The library's transparent clock: joins two interfaces, frame by frame, and takes the time that
 * PTP event messages spend in it out of the measurement (src/relay/). Needs the kernel's stamps and
 * CAP_NET_RAW. It has no clock to set, and asks nobody for the time.
 */
import { closedBy } from './closing.ts';
import { ConfigError, HostError } from './errors.ts';
import { ipv4Octets, ipv6Groups, isIpv6 } from './path.ts';
import {
  createRelay,
  type OwnAddresses,
  type RelayConfig,
  type RelayInput,
  type RelayTally,
  type Side,
  stepRelay,
} from './relay/relay.ts';
import { chooseHost } from './udp/choose.ts';
import { interfaceAddresses } from './udp/interfaces.ts';
import type { Frame, Host, PacketSocket, StampKind } from './udp/udp.ts';
import type { Stamp } from './units.ts';

export interface TransparentClockOptions extends Omit<RelayConfig, 'own'> {
  /** Names of two Ethernet interfaces, e.g. `eth0`, `eth1`, that nothing else joins. */
  readonly interfaces: readonly [string, string];
  /**
   * Frames that come in by the first interface wait so long before they cross: shows what the
   * correction does. (ms, 0–1000, default 0)
   */
  readonly holdMs?: number;
  readonly signal?: AbortSignal;
  /** Default: the runtime's own; it must have kernel stamps. */
  readonly host?: Host;
  readonly onError?: (name: string, code: string) => void;
}

export interface TransparentClockStatus extends RelayTally {
  /** Frames that came in by each interface. */
  readonly received: readonly [number, number];
  /** Frames that the other interface refused, of all kinds. */
  readonly refused: number;
  /** Frames that came too fast, or too long, to be carried. */
  readonly missed: number;
  /** Event messages stamped by the kernel on both ways, and those that were not. */
  readonly stamped: { readonly kernel: number; readonly user: number };
}

export interface TransparentClock extends AsyncDisposable {
  readonly host: Host;
  status(): TransparentClockStatus;
  /** Resolved when the interfaces are closed. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens both interfaces and carries from then on.
 * @throws ConfigError, HostError
 */
export function openTransparentClock(options: TransparentClockOptions): TransparentClock {
  const [west, east] = options.interfaces;
  if (west === east) throw new ConfigError('relay.interfaces', 'two different ones', west);
  const host = options.host ?? chooseHost('kernel');
  const { openPacket } = host;
  const { holdMs = 0 } = options;
  if (!(holdMs >= 0 && holdMs <= 1000)) throw new ConfigError('relay.holdMs', '0..1000', holdMs);
  if (openPacket === undefined) {
    throw new HostError(`a relay needs kernel timestamps, ${host.name} has none`);
  }
  const relay = createRelay({ ...options, own: [ownOf(west), ownOf(east)] });
  const received: [number, number] = [0, 0];
  const stamped = { kernel: 0, user: 0 };
  const sockets: PacketSocket[] = [];
  let refused = 0;
  let isClosed = false;

  function feed(input: RelayInput): void {
    if (isClosed) return;
    for (const output of stepRelay(relay, input)) {
      const { side, bytes, context, seal } = output;
      const departed =
        context === undefined
          ? undefined
          : (sentAtNs: Stamp, kind: StampKind) => {
              stamped[kind]++;
              feed({ type: 'sent', context, sentAtNs });
            };
      const sent = sockets[side]?.send(bytes, seal, departed) ?? 'ENOSOCKET';
      if (typeof sent !== 'string') continue;
      refused++;
      if (context !== undefined) feed({ type: 'unsent', context });
    }
  }

  const take =
    (side: Side) =>
    ({ bytes, receivedAtNs }: Frame): void => {
      received[side]++;
      const cross = (octets: Uint8Array) =>
        feed({ type: 'frame', side, bytes: octets, receivedAtNs, nowNs: host.clock.tick() });
      if (side === 0 && holdMs > 0) {
        const kept = bytes.slice();
        host.setTimer(() => cross(kept), holdMs);
      } else cross(bytes);
    };

  async function end(): Promise<void> {
    isClosed = true;
    cancelCheck?.();
    await Promise.all(sockets.map((socket) => socket.close()));
  }

  let cancelCheck: (() => void) | null = null;
  function check(): void {
    if (isClosed) return;
    host.clock.check();
    cancelCheck = host.setTimer(check, 1000);
  }

  try {
    for (const [n, name] of options.interfaces.entries()) {
      const onError = (code: string) => options.onError?.(name, code);
      sockets.push(openPacket(name, { onFrame: take(n === 0 ? 0 : 1), onError }));
    }
  } catch (error) {
    void end();
    throw error;
  }
  check();
  const close = closedBy(options.signal, end);
  if (options.signal?.aborted) void close();

  return {
    host,
    status() {
      const counts = sockets.map((socket) => socket.counts());
      return {
        ...relay.tally,
        received: [received[0], received[1]],
        refused,
        missed: counts.reduce((sum, { lost, tooLong }) => sum + lost + tooLong, 0),
        stamped: { ...stamped },
      };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The first address of each kind that the interface has. */
function ownOf(name: string): OwnAddresses {
  const ips = (interfaceAddresses() ?? []).filter((one) => one.name === name).map(({ ip }) => ip);
  const ipv4 = ips.find((ip) => !isIpv6(ip));
  const ipv6 = ips.find((ip) => isIpv6(ip) && !isOnLink(ip));
  const ipv6Link = ips.find(isOnLink);
  return {
    ...(ipv4 && { ipv4: Uint8Array.from(ipv4Octets(ipv4) ?? []) }),
    ...(ipv6 && { ipv6: octets6(ipv6) }),
    ...(ipv6Link && { ipv6Link: octets6(ipv6Link) }),
  };
}

const isOnLink = (ip: string): boolean => /^fe[89ab]/i.test(ip);

const octets6 = (ip: string): Uint8Array =>
  Uint8Array.from((ipv6Groups(ip) ?? []).flatMap((group) => [group >> 8, group & 0xff]));
