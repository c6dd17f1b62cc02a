/**
 * The library's client: MPNTP over many paths, combined. Observes only; it never touches a clock.
 */
import { closedBy } from './closing.ts';
import { type CombinedClock, type CombinerName, type Core, createCore } from './core.ts';
import { drive } from './drive.ts';
import { createEnsemble, type Ensemble, type Sample } from './ensemble.ts';
import { ConfigError } from './errors.ts';
import type { ClockEvent } from './events.ts';
import { createHerald } from './herald.ts';
import type { Address, PathEvent, ReturnedInput } from './machine.ts';
import { type Now, remoteNow } from './now.ts';
import { createNtpClient, nextTimer, status as pathStatuses, stepNtpClient } from './ntp/client.ts';
import { createTracingClient } from './ntptracing.ts';
import {
  allPairs,
  isIpv6,
  isUnicast,
  localEnd,
  type PathKey,
  pathParts,
  requireIp,
} from './path.ts';
import type { DiscoveryOptions } from './paths/settings.ts';
import { type PathsView, viewPaths } from './paths/view.ts';
import { checkPorts, spreadPorts } from './ports.ts';
import { createReaders } from './reader.ts';
import { type PathView, viewPath } from './status.ts';
import { NTP_PORT, parseTarget } from './target.ts';
import { stepTracing, stepTracingReturned, tracingDue } from './tracing.ts';
import { chooseHost, type Stamps } from './udp/choose.ts';
import { type Host, type PumpMode, type StampKind, stampsOf } from './udp/udp.ts';
import { keepVotes } from './voting.ts';

export interface ClientPair {
  readonly server: string;
  /** IP literal. Default: left to the system. */
  readonly local?: string;
  /** Default: as the client's. */
  readonly interleaved?: boolean;
  readonly ports?: number;
  /**
   * Names the server where there are several clocks: `discovery` stops no path for the sake of one
   * to another server, whatever route they share. Default: all are addresses of one (dual-ended).
   */
  readonly source?: string;
}

export interface ClientOptions {
  /**
   * Servers: `host`, `host:port`, `[v6]:port`. A name with several addresses, or several servers,
   * make a dual-ended client: every server address is paired with every local one of its family.
   */
  readonly servers: readonly string[];
  /** Local addresses (IP literals). Default: one path per server, local address left to the system. */
  readonly locals?: readonly string[];
  /** Explicit paths, beside all pairs of `servers` and `locals`. */
  readonly pairs?: readonly ClientPair[];
  /**
   * Ask in interleaved mode (RFC 9769): servers that can tell when their last answer really left,
   * one poll later. Only while a path polls about every 32 s or faster. Default false.
   */
  readonly interleaved?: boolean;
  /**
   * Local ports per pair, each a path of its own: where routers spread packets by addresses and
   * ports they take several routes, and `discovery` keeps those that differ. The pair as a whole
   * asks no more often than one path would. Each has a vote until discovery knows that it shares
   * its route. Beyond RFC 8039. (1–64, default 1)
   */
  readonly ports?: number;
  /** Combiner by name. Default `braid`. */
  readonly combiner?: CombinerName;
  /** Combiners run beside it on the same exchanges, for comparison. */
  readonly compare?: readonly CombinerName[];
  /** Port of servers that name none. (default 123) */
  readonly port?: number;
  /** Poll exponent to begin with and the highest it may rise to. (log2 s, −4..17, default 6 and 10) */
  readonly minPollLog2S?: number;
  readonly maxPollLog2S?: number;
  /** `shared` (default): all paths together poll as often as one association would. */
  readonly budget?: 'shared' | 'per-path';
  /** Quick first exchanges per path. (0–8, default 4) */
  readonly iburst?: number;
  /** Time between them. (s, default 2) */
  readonly iburstSpacingS?: number;
  /** Most paths to use. (1–core limit, default the core's limit) */
  readonly maxPaths?: number;
  /**
   * Trace the routes of all paths from time to time, and let those poll that differ (RFC 8039
   * §5.4). Needs kernel stamps; without them all routes stay unknown and all paths poll.
   * Default: left out, no probe is sent.
   */
  readonly discovery?: DiscoveryOptions | undefined;
  /** Closes the client when it fires. */
  readonly signal?: AbortSignal;
  /** Whose stamps, see {@link Stamps}. (default `auto`) */
  readonly stamps?: Stamps;
  /** How datagrams with kernel stamps are fetched, see {@link PumpMode}. (default `timer`) */
  readonly pump?: PumpMode;
  /** Default: the runtime's own, with these stamps. */
  readonly host?: Host;
  /** Watches everything; see {@link ClientEvents}. */
  readonly events?: ClientEvents;
}

export type { Now };

/** Called synchronously; must not throw. */
export interface ClientEvents {
  /** All paths, in the order the core has them, before the first sample. */
  onOpen?(paths: readonly PathKey[]): void;
  onSample?(sample: Sample, ensemble: Ensemble): void;
  onPath?(event: PathEvent): void;
  onDrop?(reason: string, from: string): void;
  /** The host saw the local clock being stepped by `byS` (new − old). */
  onClockStep?(byS: number): void;
  /** What the core found out about paths and clock, each thing once. */
  onEvent?(event: ClockEvent): void;
  onSocketError?(local: string, code: string): void;
}

export interface ClientStatus {
  readonly clock: CombinedClock | null;
  readonly paths: readonly PathView[];
  readonly host: string;
  /** Why there are no kernel stamps though they were wished for, one sentence; else null. */
  readonly whyPlain: string | null;
  /** How datagrams are fetched; null: as the runtime does, without kernel stamps. */
  readonly pump: PumpMode | null;
  /** Why the pump is not `async` though that was wished for, one sentence; else null. */
  readonly whyTimer: string | null;
  readonly combiner: CombinerName;
}

export interface Client extends AsyncDisposable {
  /** Remote time now; null while nothing is known. */
  now(): Now | null;
  /** Every exchange and the clock after it. Ends when the client closes. */
  samples(): AsyncIterableIterator<Sample>;
  status(): ClientStatus;
  /** What discovery found; null without `discovery`. */
  routes(): PathsView | null;
  /** Keys of all paths. */
  readonly paths: readonly PathKey[];
  readonly host: Host;
  readonly ensemble: Ensemble;
  close(): Promise<void>;
}

/**
 * Opens a client and starts polling.
 * @throws ConfigError for wrong options, HostError if an address cannot be bound, CoreError if
 *   there are more paths than the core holds
 */
export async function openClient(options: ClientOptions): Promise<Client> {
  options.signal?.throwIfAborted();
  const host = options.host ?? chooseHost(options.stamps, options.pump);
  const resolved = await resolvePairs(host, options);
  const core = createCore(options.combiner === undefined ? {} : { combiner: options.combiner });
  const rest: Core[] = (options.compare ?? []).map((combiner) => createCore({ combiner }));
  const maxPaths = options.maxPaths ?? core.maxPaths;
  if (resolved.length > maxPaths) {
    throw new ConfigError('locals', `at most ${maxPaths} {server, local} pairs`, resolved.length);
  }
  const pairs = await spreadPorts(host, resolved, maxPaths);
  const locals = ownEnds(pairs);
  const { epochS } = host.clock;
  const ensemble = createEnsemble([core, ...rest], epochS);
  for (const { key } of pairs) ensemble.open(key);
  options.events?.onOpen?.(pairs.map(({ key }) => key));

  const minPollLog2S = options.minPollLog2S ?? 6;
  const machine = createNtpClient({
    paths: pairs.map(({ key, port, interleaved }) => {
      const { remoteIp, localIp, localPort } = pathParts(key);
      return { remote: { ip: remoteIp, port }, localIp, localPort, interleaved };
    }),
    minPollLog2S,
    maxPollLog2S: options.maxPollLog2S ?? Math.max(10, minPollLog2S),
    budget: options.budget ?? 'shared',
    iburst: options.iburst ?? 4,
    iburstSpacingS: options.iburstSpacingS ?? 2,
    ownAddresses: ownAddresses(host, pairs),
    nowNs: host.clock.tick(),
    maxPaths,
  });

  const tracing =
    options.discovery === undefined
      ? null
      : createTracingClient(machine, options.discovery, host.clock.tick(), sourceOf(pairs));

  const voting = tracing && keepVotes(tracing.discovery, ensemble);
  const readers = createReaders();
  const { events } = options;
  const herald = createHerald(host, ensemble, (event) => events?.onEvent?.(event));
  const driven = await drive({
    host,
    state: null, // either machine holds its own
    step(_, input) {
      if (tracing === null) return stepNtpClient(machine, input);
      const outputs = stepTracing(tracing, input);
      voting?.();
      return outputs;
    },
    ...(tracing !== null && {
      stepReturned(_: null, input: ReturnedInput) {
        const outputs = stepTracingReturned(tracing, input);
        voting?.();
        return outputs;
      },
    }),
    locals,
    firstTimer: tracing === null ? nextTimer(machine) : tracingDue(tracing),
    onReport(report) {
      if (report.type === 'drop') return events?.onDrop?.(report.reason, report.from.ip);
      if (report.type === 'path') {
        events?.onPath?.(report);
        const isHeard = pathStatuses(machine).some(({ reach }) => reach !== 0);
        if (!isHeard && core.clock() !== null) herald.silent();
        return;
      }
      if (report.type !== 'exchange') return; // an NTP machine makes no other
      const sample = ensemble.take(report);
      if (sample === null) return;
      events?.onSample?.(sample, ensemble);
      herald.sample(sample);
      readers.push(sample);
    },
    onClockStep: (byS) => events?.onClockStep?.(byS),
    onSocketError: (local, code) => events?.onSocketError?.(local.ip, code),
  });

  const close = closedBy(options.signal, () => {
    readers.end();
    herald.close();
    return driven.close();
  });
  if (options.signal?.aborted) await close();

  function ownEnd(path: PathKey): { stamps: StampKind; localPort: number | null } {
    const { localIp, localPort = 0 } = pathParts(path);
    const at = locals.findIndex(({ ip, port }) => ip === localIp && port === localPort);
    const socket = driven.sockets[at];
    if (socket === undefined) return { stamps: 'user', localPort: null };
    return { stamps: stampsOf(socket), localPort: socket.local.port };
  }

  return {
    host,
    ensemble,
    paths: pairs.map(({ key }) => key),
    routes: () => (tracing === null ? null : viewPaths(tracing.discovery, host.clock.tick())),
    now: () => remoteNow(core, host.clock),
    samples: () => readers.open(),
    status() {
      const nowNs = host.clock.tick();
      return {
        clock: core.clock(),
        host: host.name,
        whyPlain: host.whyPlain ?? null,
        pump: host.pump ?? null,
        whyTimer: host.whyTimer ?? null,
        combiner: core.combiner,
        paths: pathStatuses(machine).map((status) =>
          viewPath(status, ensemble.report(status.path), nowNs, ownEnd(status.path)),
        ),
      };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const sourceOf = (pairs: readonly Pair[]): ((path: PathKey) => string) => {
  const sources = new Map(pairs.map(({ key, source }) => [key, source]));
  return (path) => sources.get(path) ?? '';
};

interface Pair {
  readonly key: PathKey;
  readonly port: number;
  readonly interleaved: boolean;
  readonly ports: number;
  /** See {@link ClientPair.source}. */
  readonly source: string;
}

/** All {server address, local address} pairs, names resolved (NTP-D1…D3). */
async function resolvePairs(host: Host, options: ClientOptions): Promise<Pair[]> {
  const pairs = await explicitPairs(host, options);
  const { interleaved = false } = options;
  const ports = checkPorts('ports', options.ports ?? 1);
  if (options.servers.length === 0 && pairs.size === 0) {
    throw new ConfigError('servers', 'at least one server', options.servers);
  }
  const locals = options.locals?.map((ip, index) => requireIp(`locals.${index}`, ip));
  for (const [index, text] of options.servers.entries()) {
    const target = parseTarget(`servers.${index}`, text, options.port ?? NTP_PORT);
    const remotes = await resolveUnicast(host, `servers.${index}`, target.name);
    const before = pairs.size;
    for (const remote of remotes) {
      const own = locals ?? [anyLocal(remote)];
      for (const key of allPairs([remote], own)) {
        const asAll = { interleaved, ports, source: '' };
        pairs.set(key, { ...asAll, ...pairs.get(key), key, port: target.port });
      }
    }
    if (pairs.size === before && locals !== undefined && !remotes.some((ip) => known(pairs, ip))) {
      throw new ConfigError('locals', `an address of the family of ${remotes.join(', ')}`, locals);
    }
  }
  return [...pairs.values()];
}

async function explicitPairs(host: Host, options: ClientOptions): Promise<Map<PathKey, Pair>> {
  const pairs = new Map<PathKey, Pair>();
  for (const [index, { server, local, ...own }] of (options.pairs ?? []).entries()) {
    const target = parseTarget(`pairs.${index}.server`, server, options.port ?? NTP_PORT);
    const localIp = local === undefined ? undefined : requireIp(`pairs.${index}.local`, local);
    const remotes = await resolveUnicast(host, `pairs.${index}.server`, target.name);
    const keys = remotes.flatMap((remote) => allPairs([remote], [localIp ?? anyLocal(remote)]));
    if (keys.length === 0) {
      throw new ConfigError(`pairs.${index}.local`, `an address of the family of ${server}`, local);
    }
    const interleaved = own.interleaved ?? options.interleaved ?? false;
    const ports = checkPorts(`pairs.${index}.ports`, own.ports ?? options.ports ?? 1);
    const { source = '' } = own;
    for (const key of keys) pairs.set(key, { key, port: target.port, interleaved, ports, source });
  }
  return pairs;
}

/** One for each socket; port 0 where the system chooses. */
function ownEnds(pairs: readonly Pair[]): Address[] {
  const ends = new Map<string, Address>();
  for (const { key } of pairs) {
    const { localIp: ip, localPort: port = 0 } = pathParts(key);
    ends.set(localEnd(key), { ip, port });
  }
  return [...ends.values()];
}

/** The system chooses. */
const anyLocal = (remote: string): string => (isIpv6(remote) ? '::' : '0.0.0.0');

async function resolveUnicast(host: Host, field: string, name: string): Promise<string[]> {
  const ips = await host.resolve(name);
  const wrong = ips.find((ip) => !isUnicast(ip));
  if (wrong !== undefined) throw new ConfigError(field, 'a unicast address', wrong);
  return ips;
}

const known = (pairs: ReadonlyMap<PathKey, Pair>, ip: string): boolean =>
  [...pairs.keys()].some((key) => pathParts(key).remoteIp === ip);

/** For the loop test (NTP-C4). Loopback servers are us by intent, so loopback never counts. */
function ownAddresses(host: Host, pairs: readonly Pair[]): string[] {
  const own = new Set(host.localAddresses());
  for (const { key } of pairs) own.add(pathParts(key).localIp);
  return [...own]
    .map((ip) => ip.replace(/%.*$/, ''))
    .filter((ip) => !ip.startsWith('127.') && ip !== '::1' && ip !== '0.0.0.0' && ip !== '::');
}
