/**
 * The library's PTP clock: one ordinary clock over one or many addresses, as slave, master or
 * whatever the best master algorithm says (RFC 8039 §5). Observes, and serves the local clock as
 * it is; it never touches a clock.
 */
import { type CombinedClock, type CombinerName, type Core, createCore } from './core.ts';
import { type Drive, drive, type GroupAddress, type Report } from './drive.ts';
import { createEnsemble, type Ensemble, type Sample } from './ensemble.ts';
import { requireInteger } from './errors.ts';
import { type Drops, noDrops, type PathEvent, type PortOutput } from './machine.ts';
import { type Now, remoteNow } from './now.ts';
import type { PathKey } from './path.ts';
import {
  createOrdinaryClock,
  hearSocketError,
  hearUnreachable,
  isDualNow,
  nextDue,
  type OrdinaryClock,
  type OrdinaryClockConfig,
  stepOrdinaryClock,
  tellTime,
} from './ptp/clock.ts';
import { activeGrants } from './ptp/grantor.ts';
import { peerGroup, primaryGroup } from './ptp/groups.ts';
import { offsetFromMasterNs } from './ptp/slave.ts';
import { type OwnSource, ownTime } from './ptp/timeprops.ts';
import { onlyCounted, type PtpDatasets, type PtpPathView, viewPtpPaths } from './ptpstatus.ts';
import { createReader, type Reader } from './reader.ts';
import { chooseHost, type Stamps } from './udp/choose.ts';
import { type Host, type StampKind, stampsOf } from './udp/udp.ts';
import { VERSION } from './version.ts';

export type { PtpDatasets, PtpPathView };

export interface PtpClockOptions
  extends Omit<OrdinaryClockConfig, 'own' | 'epochS' | 'nowNs' | 'about'> {
  /** Combiner by name. Default `braid`. */
  readonly combiner?: CombinerName;
  /** Combiners run beside it on the same measurements, for comparison. */
  readonly compare?: readonly CombinerName[];
  /** What is said of the local clock while it is served. Default: an internal oscillator. */
  readonly source?: OwnSource;
  /** Hop limit of what goes by multicast. (1–255, default 1) */
  readonly hops?: number;
  /** Clocks on this machine hear our multicast, too. */
  readonly loopback?: boolean;
  readonly signal?: AbortSignal;
  /** Whose stamps, see {@link Stamps}. (default `auto`) */
  readonly stamps?: Stamps;
  /** Default: the runtime's own, with these stamps. */
  readonly host?: Host;
  readonly events?: PtpEvents;
}

/** Called synchronously; must not throw. */
export interface PtpEvents {
  onSample?(sample: Sample, ensemble: Ensemble): void;
  /** Paths come (`added`) and go (`removed`) with masters and their addresses. */
  onPath?(event: PathEvent): void;
  onPort?(event: PortOutput): void;
  onDrop?(reason: string, from: string): void;
  onClockStep?(byS: number): void;
  onSocketError?(local: string, code: string): void;
}

export interface PtpStatus {
  /** Of the port, as ptp4l prints it. */
  readonly state: string;
  readonly mode: OrdinaryClockConfig['mode'];
  /** The master is followed over several of its addresses. */
  readonly isDual: boolean;
  readonly datasets: PtpDatasets;
  /** {address, clockIdentity} of each address of ours. */
  readonly identities: readonly { readonly address: string; readonly clockIdentity: string }[];
  readonly clock: CombinedClock | null;
  readonly paths: readonly PtpPathView[];
  /** Unicast grants that we serve now. */
  readonly serves: readonly {
    readonly path: PathKey;
    readonly messageType: string;
    readonly logInterval: number;
  }[];
  /** Messages that we sent as a master. */
  readonly sent: Readonly<Record<string, number>>;
  readonly drops: Readonly<Record<string, number>>;
  /** Why our own time has no leap second count, one sentence; null if it has. */
  readonly problem: string | null;
  readonly host: string;
  /** Why there are no kernel stamps though they were wished for, one sentence; else null. */
  readonly whyPlain: string | null;
  readonly combiner: CombinerName;
}

export interface PtpClock extends AsyncDisposable {
  /** Master's time now as UTC; null while nothing is known. */
  now(): Now | null;
  /** Every measurement and the clock after it. Ends when this closes. */
  samples(): AsyncIterableIterator<Sample>;
  status(): PtpStatus;
  readonly host: Host;
  readonly ensemble: Ensemble;
  close(): Promise<void>;
}

/** A clock that nobody steers or vouches for. */
const FREE_RUNNING: OwnSource = {
  timeSource: 0xa0,
  timeTraceable: false,
  frequencyTraceable: false,
};

/**
 * Opens two sockets per address and the groups, and starts.
 * @throws ConfigError for wrong options, HostError if an address cannot be bound
 */
export async function openPtpClock(options: PtpClockOptions): Promise<PtpClock> {
  options.signal?.throwIfAborted();
  const host = options.host ?? chooseHost(options.stamps);
  const { epochS } = host.clock;
  const { leapTable = null, source = FREE_RUNNING, events, hops = 1, loopback = false } = options;
  requireInteger('ptp.hops', hops, 1, 255);
  const unixS = () => epochS + Math.floor(host.clock.now() / 1e9);
  let ownS = unixS();
  let own = ownTime(leapTable, ownS, source);
  const machine = createOrdinaryClock({
    ...options,
    own: own.properties,
    epochS,
    nowNs: host.clock.tick(),
    about: { productDescription: 'clockbraid;;', revisionData: `;;${VERSION}` },
  });
  const core = createCore(options.combiner === undefined ? {} : { combiner: options.combiner });
  const rest: Core[] = (options.compare ?? []).map((combiner) => createCore({ combiner }));
  const ensemble = createEnsemble([core, ...rest], epochS);
  const drops: Drops = noDrops();
  const readers = new Set<Reader>();

  /** Leap seconds take effect with the second that they are in. */
  function refreshOwn(): void {
    const nowS = unixS();
    if (nowS === ownS) return;
    ownS = nowS;
    own = ownTime(leapTable, nowS, source);
    tellTime(machine, own.properties);
  }

  function report(output: Report): void {
    switch (output.type) {
      case 'drop':
        drops[output.reason]++;
        events?.onDrop?.(output.reason, output.from.ip);
        return;
      case 'port':
        events?.onPort?.(output);
        return;
      case 'path':
        if (output.event === 'added') ensemble.open(output.path);
        if (output.event === 'removed') ensemble.close(output.path);
        events?.onPath?.(output);
        return;
      case 'oneway': {
        const sample = ensemble.take(output);
        if (sample === null) return;
        tellOffset(machine, ensemble, sample);
        events?.onSample?.(sample, ensemble);
        for (const reader of readers) reader.push(sample);
      }
    }
  }

  let running: Drive | null = null;
  const driven = await drive({
    host,
    state: machine,
    step(state, input) {
      refreshOwn();
      return stepOrdinaryClock(state, input);
    },
    locals: machine.addresses.flatMap((ip) => {
      const { event, general } = machine.ports;
      return [event, general].map((port) => ({ ip, port }));
    }),
    ...(machine.masters === null && { multicast: { hops, loopback } }),
    groups: groupsOf(machine),
    firstTimer: nextDue(machine),
    onReport: report,
    onClockStep: (byS) => events?.onClockStep?.(byS),
    onSocketError(local, code) {
      events?.onSocketError?.(local.ip, code);
      running?.perform(hearSocketError(machine, local, code, host.clock.tick()));
    },
    onUnreachable: (remoteIp) =>
      running?.perform(hearUnreachable(machine, remoteIp, host.clock.tick())),
  });
  running = driven;

  let closing: Promise<void> | undefined;
  function close(): Promise<void> {
    if (closing === undefined) {
      options.signal?.removeEventListener('abort', onAbort);
      for (const reader of readers) reader.end();
      closing = driven.close();
    }
    return closing;
  }
  const onAbort = () => void close();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) await close();

  function stamps(localIp: string): StampKind {
    const socket = driven.sockets[2 * machine.addresses.indexOf(localIp)]; // its event port
    return socket === undefined ? 'user' : stampsOf(socket);
  }

  return {
    host,
    ensemble,
    now: () => remoteNow(core, host.clock),
    samples() {
      const reader = createReader(() => readers.delete(reader));
      if (closing === undefined) readers.add(reader);
      else reader.end();
      return reader;
    },
    status() {
      const nowNs = host.clock.tick();
      const { sets, portDS, grantor, master } = machine;
      return {
        state: portDS.portState,
        mode: machine.mode,
        isDual: isDualNow(machine),
        datasets: structuredClone({ ...sets, portDS }),
        identities: machine.identities.map(({ address, clockIdentity }) => ({
          address,
          clockIdentity:
            machine.mode === 'dual-ended' && isDualNow(machine)
              ? sets.defaultDS.clockIdentity
              : clockIdentity,
        })),
        clock: core.clock(),
        paths: viewPtpPaths(machine, ensemble.report, nowNs, stamps),
        serves: (grantor === null ? [] : activeGrants(grantor, nowNs)).map((grant) => ({
          path: `${grant.remote}|${grant.localIp}` as const,
          messageType: grant.messageType,
          logInterval: grant.logInterval,
        })),
        sent: onlyCounted({ ...master.tally }),
        drops: onlyCounted(drops),
        problem: own.problem,
        host: host.name,
        whyPlain: host.whyPlain ?? null,
        combiner: core.combiner,
      };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** currentDS, with PTP's sign. */
function tellOffset({ sets }: OrdinaryClock, ensemble: Ensemble, { path, clock }: Sample): void {
  if (clock !== null) sets.currentDS.offsetFromMasterNs = offsetFromMasterNs(clock.offsetS);
  const delayS = ensemble.report(path)?.delayS;
  if (delayS !== undefined) sets.currentDS.meanPathDelayNs = (delayS * 1e9) / 2;
}

/** Where the clock listens: Announces and management at every address, the rest where it is used. */
function groupsOf(clock: OrdinaryClock): GroupAddress[] {
  const { masters, ports, scope, primaryIp, portDS, addresses, multicastSync, mode } = clock;
  if (masters !== null) return [];
  const groups = addresses.map((ip) => ({
    group: primaryGroup(ip, scope),
    local: { ip, port: ports.general },
  }));
  const hasEvents = mode === 'plain' || multicastSync;
  if (!hasEvents) return groups;
  const event = { ip: primaryIp, port: ports.event };
  groups.push({ group: primaryGroup(primaryIp, scope), local: event });
  if (portDS.delayMechanism === 1) return groups;
  const peers = peerGroup(primaryIp);
  const general = { ip: primaryIp, port: ports.general };
  return [...groups, { group: peers, local: event }, { group: peers, local: general }];
}
