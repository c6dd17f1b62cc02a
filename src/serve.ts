/**
 * The library's server: NTP on one or more local addresses, answering from the address asked, so
 * that it can be the far end of a dual-ended client. It serves the local clock as it is.
 */
import { closedBy } from './closing.ts';
import { drive } from './drive.ts';
import { ConfigError, HostError, requireInteger } from './errors.ts';
import type { Address, DropReason } from './machine.ts';
import {
  type Access,
  createNtpServer,
  type NtpServer,
  type RateLimitConfig,
  type ServerConfig,
  type Source,
  setSource,
  stepNtpServer,
  UNSYNCHRONIZED,
} from './ntp/server.ts';
import { isIpv6, isUnicast } from './path.ts';
import { type Crew, MOST_WORKERS, openCrew } from './responder/crew.ts';
import type { Tally } from './responder/shared.ts';
import { NTP_PORT, parseTarget } from './target.ts';
import { chooseHost, type Stamps } from './udp/choose.ts';
import { type Host, isPlain, type PumpMode } from './udp/udp.ts';

export type { Access, RateLimitConfig, Source };

export interface ServerOptions {
  /** Local addresses (IP literals), `ip`, `ip:port` or `[v6]:port`; one socket each. */
  readonly addresses: readonly string[];
  /** Port of addresses that name none. (default 123; 0 any free port) */
  readonly port?: number;
  /** What to say about the local clock. Default: unsynchronized (LI 3), which clients refuse. */
  readonly source?: Partial<Source>;
  /** Default: 1 request per second and client, bursts of 16. null: none. */
  readonly rateLimit?: RateLimitConfig | null;
  readonly access?: Partial<Access>;
  /** Answer in interleaved mode (RFC 9769) whom asks for it. Default true. */
  readonly interleaved?: boolean;
  readonly signal?: AbortSignal;
  /** Whose stamps, see {@link Stamps}. (default `auto`) */
  readonly stamps?: Stamps;
  /** How datagrams with kernel stamps are fetched, see {@link PumpMode}. (default `timer`) */
  readonly pump?: PumpMode;
  readonly host?: Host;
  /** Not with workers, which only count. */
  readonly onDrop?: (reason: string, from: string) => void;
  /**
   * Threads that do nothing but answer, for busy servers: Linux with kernel stamps only. All
   * requests of one client come to the same. (0–64, default 0: this thread answers)
   */
  readonly workers?: number;
  /**
   * A worker died, or something else that the server outlives: one sentence, and how many workers
   * serve now; when none does, nobody is answered any more.
   */
  readonly onTrouble?: (text: string, serving: number) => void;
}

export interface ServerStatus {
  readonly received: number;
  readonly answered: number;
  /** Of these, in interleaved mode. */
  readonly interleaved: number;
  readonly kisses: number;
  readonly drops: Readonly<Record<string, number>>;
  /** Requests that came to each worker; empty without workers. */
  readonly workers: readonly number[];
}

export interface Server extends AsyncDisposable {
  /** Bound addresses with their real ports. */
  readonly addresses: readonly Address[];
  readonly host: Host;
  status(): ServerStatus;
  /** Changes what is said about the local clock from now on. */
  setSource(source: Partial<Source>): void;
  close(): Promise<void>;
}

export const DEFAULT_RATE_LIMIT: RateLimitConfig = {
  intervalLog2S: 0,
  burst: 16,
  leak: 2,
  tableSize: 4096,
};

/** Answers remembered for interleaved clients: a thousand clients and more. */
const SAVED_ANSWERS = 8192;

/** What a server says that trusts its local clock at stratum 1…15: refid LOCL (RFC 5905 §7.3). */
export function localSource(stratum: number, host: Host): Partial<Source> {
  if (!Number.isInteger(stratum) || stratum < 1 || stratum > 15) {
    throw new ConfigError('stratum', '1..15', stratum);
  }
  const refid = stratum === 1 ? [0x4c, 0x4f, 0x43, 0x4c] : [127, 127, 1, 1];
  return { leap: 0, stratum, refid, referenceNs: host.clock.now() };
}

/**
 * Opens the sockets and serves until closed.
 * @throws ConfigError for wrong options, HostError if an address cannot be bound
 */
export async function openServer(options: ServerOptions): Promise<Server> {
  options.signal?.throwIfAborted();
  const host = options.host ?? chooseHost(options.stamps, options.pump);
  if (options.addresses.length === 0) {
    throw new ConfigError('addresses', 'at least one local address', options.addresses);
  }
  const locals = options.addresses.map((text, index) =>
    readLocal(`addresses.${index}`, text, options.port ?? NTP_PORT),
  );
  const twice = locals.find((local, index) => locals.findIndex((l) => l.ip === local.ip) < index);
  if (twice !== undefined) throw new ConfigError('addresses', 'each address once', twice.ip);
  const { workers = 0 } = options;
  requireInteger('workers', workers, 0, MOST_WORKERS);
  if (workers > 0) requireWorkable(options, host);
  let source: Source = { ...UNSYNCHRONIZED, ...options.source };
  const rateLimit = options.rateLimit === undefined ? DEFAULT_RATE_LIMIT : options.rateLimit;
  const config: ServerConfig = {
    epochS: host.clock.epochS,
    source,
    rateLimit: rateLimit === null ? null : { seed: randomSeed(host), ...rateLimit },
    access: { allow: options.access?.allow ?? [], deny: options.access?.deny ?? [] },
    interleaved:
      options.interleaved === false ? null : { tableSize: SAVED_ANSWERS, seed: randomSeed(host) },
  };
  const engine =
    workers === 0
      ? await openLoop(options, host, config, locals)
      : await openWorkers(options, host, config, locals, workers);
  const close = closedBy(options.signal, engine.close);
  if (options.signal?.aborted) await close();
  return {
    host,
    addresses: engine.addresses,
    status() {
      const tallies = engine.tallies();
      const sum = (count: (tally: Tally) => number) =>
        tallies.reduce((all, tally) => all + count(tally), 0);
      const reasons = Object.keys(tallies[0]?.drops ?? {}) as DropReason[];
      const drops = reasons.map((reason) => [reason, sum((tally) => tally.drops[reason])] as const);
      return {
        received: sum(({ received }) => received),
        answered: sum(({ answered }) => answered),
        interleaved: sum(({ interleaved }) => interleaved),
        kisses: sum(({ kisses }) => kisses),
        drops: Object.fromEntries(drops.filter(([, count]) => count > 0)),
        workers: workers === 0 ? [] : tallies.map(({ received }) => received),
      };
    },
    setSource(change) {
      const next = { ...source, ...change };
      engine.setSource(next);
      source = next;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** In this thread: the host's sockets and one machine. */
async function openLoop(
  options: ServerOptions,
  host: Host,
  config: ServerConfig,
  locals: readonly Address[],
): Promise<Crew> {
  const machine: NtpServer = createNtpServer(config);
  const { sockets, close } = await drive({
    host,
    state: machine,
    step: stepNtpServer,
    locals,
    firstTimer: null,
    onReport(report) {
      if (report.type === 'drop') options.onDrop?.(report.reason, report.from.ip);
    },
  });
  return {
    addresses: sockets.map((socket) => socket.local),
    tallies: () => [machine.tally],
    setSource: (source) => setSource(machine, source),
    close,
  };
}

const openWorkers = (
  options: ServerOptions,
  host: Host,
  config: ServerConfig,
  locals: readonly Address[],
  workers: number,
): Promise<Crew> => {
  const { epochS, source, rateLimit, access, interleaved = null } = config;
  const onTrouble = options.onTrouble ?? (() => {});
  const seed = randomSeed(host);
  const asked = { workers, locals, epochS, source, rateLimit, access, interleaved, seed };
  return openCrew({ ...asked, signal: options.signal, onTrouble });
};

/** What cannot be had together with workers. */
function requireWorkable({ stamps, onDrop, workers }: ServerOptions, host: Host): void {
  if (stamps === 'plain') {
    throw new ConfigError('stamps', '"auto" or "kernel" with workers', stamps);
  }
  if (onDrop !== undefined) {
    throw new ConfigError('onDrop', 'none with workers, which only count', 'a function');
  }
  if (host.whyPlain !== undefined) {
    throw new HostError(`no workers, ${host.whyPlain}`);
  }
  if (isPlain(host)) {
    throw new ConfigError('workers', `0 with plain stamps (${host.name})`, workers);
  }
}

function readLocal(field: string, text: string, defaultPort: number): Address {
  const { name, port } = parseTarget(field, text, defaultPort);
  const wildcard = name === '0.0.0.0' || name === '::';
  if (wildcard || !/^[\d.]+$|:/.test(name)) {
    const why = `a local IP address (${isIpv6(name) ? 'not ::' : 'not a name or 0.0.0.0'}: replies must leave from the address asked)`;
    throw new ConfigError(field, why, text);
  }
  if (!isUnicast(name)) throw new ConfigError(field, 'a unicast address', text);
  return { ip: name, port };
}

function randomSeed(host: Host): number {
  const [a = 0, b = 0, c = 0, d = 0] = host.randomBytes(4);
  return (a << 24) | (b << 16) | (c << 8) | d;
}
